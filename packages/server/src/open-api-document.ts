import { routes } from "./route-groups.ts"
import { openApiOf } from "./route/open-api.ts"

let text: string | undefined

/** The OpenAPI document of all routes, as JSON. Made once, at its first use. */
export function openApiDocument(): string {
  // The contract has a version of its own: `/v1` only grows.
  return (text ??= `${JSON.stringify(openApiOf(routes, { version: "1" }), null, 2)}\n`)
}

let bytes: Uint8Array | undefined

/** The same as it is sent, without the spaces. */
export function openApiBytes(): Uint8Array {
  return (bytes ??= Buffer.from(JSON.stringify(JSON.parse(openApiDocument()))))
}
