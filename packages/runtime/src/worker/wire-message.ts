import { MayflyError } from "@mayfly/protocol"

/** A request on its way into a guest. */
export interface WireRequest {
  readonly url: string
  readonly method: string
  readonly headers: readonly (readonly [string, string])[]
  readonly body: Uint8Array | null
}

/** A guest's answer. */
export interface WireResponse {
  readonly status: number
  readonly statusText: string
  readonly headers: readonly (readonly [string, string])[]
  readonly body: Uint8Array
}

const withoutBody = new Set([101, 204, 205, 304])

export async function requestToWire(request: Request): Promise<WireRequest> {
  const bytes = request.body === null ? null : new Uint8Array(await request.arrayBuffer())
  return { url: request.url, method: request.method, headers: [...request.headers], body: bytes }
}

/** The response that a handler returned, checked: it comes from a guest. */
export function parseWireResponse(value: unknown): WireResponse {
  const { status, statusText, headers, body } = (value ?? {}) as Partial<WireResponse>
  const isValid =
    typeof status === "number" &&
    Number.isInteger(status) &&
    status >= 100 &&
    status <= 599 &&
    Array.isArray(headers) &&
    headers.every((header) => Array.isArray(header) && typeof header[0] === "string" && typeof header[1] === "string") &&
    body instanceof Uint8Array
  if (!isValid) throw new MayflyError("worker.not-serializable", "the handler's response can't be read", { details: { path: "result" } })
  return { status, statusText: typeof statusText === "string" ? statusText : "", headers, body }
}

export function responseFromWire(wire: WireResponse): Response {
  // A Response object can't stand for an informational status; only a WebSocket upgrade would use one.
  const status = wire.status < 200 ? 502 : wire.status
  const body = withoutBody.has(status) ? null : new Uint8Array(wire.body)
  return new Response(body, { status, statusText: wire.statusText, headers: wire.headers.map(([name, value]) => [name, value]) })
}

/** The JSON form of a handler's answer: `{ status, headers, body }`, the body as text when it is UTF-8, else as bytes. */
export function responseToJson(wire: WireResponse): { status: number; headers: Record<string, string | string[]>; body: unknown } {
  const headers: Record<string, string | string[]> = {}
  for (const [given, value] of wire.headers) {
    const name = given.toLowerCase()
    const known = headers[name]
    if (known === undefined) headers[name] = value
    else if (name === "set-cookie") headers[name] = [...(Array.isArray(known) ? known : [known]), value]
    else headers[name] = `${String(known)}, ${value}`
  }
  return { status: wire.status, headers, body: textOf(wire.body) }
}

function textOf(body: Uint8Array): unknown {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(body)
  } catch {
    return body
  }
}
