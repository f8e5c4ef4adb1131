import { registerHooks } from "node:module"

registerHooks({
  resolve(specifier, context, next) {
    if (context.parentURL?.includes("/node_modules/") !== true) return next(specifier, context)
    // A dependency of the client has a condition `source` too, whose TypeScript Node does not read there.
    return next(specifier, { ...context, conditions: context.conditions.filter((condition) => condition !== "source") })
  },
})

/** The official client of the protocol. */
export const { Client, StreamableHTTPClientTransport } = await import("@modelcontextprotocol/client")
export const { StdioClientTransport } = await import("@modelcontextprotocol/client/stdio")
