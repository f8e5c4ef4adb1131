import { createMcpServer } from "./create-mcp-server.ts"
import type { McpOptions } from "./mcp-api.ts"
import { serverVersion } from "../server-version.ts"

export interface ServeMcpOptions extends Omit<McpOptions, "version"> {
  /** Ends it. */
  readonly signal: AbortSignal
}

/** Speaks the Model Context Protocol on stdin and stdout, until stdin ends or the signal fires. */
export async function serveMcp({ signal, ...options }: ServeMcpOptions): Promise<void> {
  const { serveStdio, StdioServerTransport } = await import("@modelcontextprotocol/server/stdio")
  const ended = Promise.withResolvers<void>()
  const transport = new StdioServerTransport()
  const handle = serveStdio(() => createMcpServer({ ...options, version: serverVersion() }), { transport })
  process.stdin.once("end", () => ended.resolve()).once("close", () => ended.resolve())
  signal.addEventListener("abort", () => ended.resolve(), { once: true })
  if (signal.aborted) ended.resolve()
  await ended.promise
  await handle.close()
}
