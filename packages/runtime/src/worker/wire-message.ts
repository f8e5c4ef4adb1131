import { MayflyError } from "@mayfly/protocol"
import { WorkerResponse } from "../socket/worker-response.ts"

/** A request on its way into a guest. */
export interface WireRequest {
  readonly url: string
  readonly method: string
  readonly headers: readonly (readonly [string, string])[]
  readonly body: Uint8Array | ReadableStream<Uint8Array> | null
}

/** A guest's answer. */
export interface WireResponse {
  readonly status: number
  readonly statusText: string
  readonly headers: readonly (readonly [string, string])[]
  readonly body: Uint8Array
}

const withoutBody = new Set([101, 204, 205, 304])

export async function requestToWire(given: Request | string | URL): Promise<WireRequest> {
  const request = given instanceof Request ? given : new Request(given)
  const body = request.body === null ? null : await readySmallBody(request.body)
  return { url: request.url, method: request.method, headers: [...request.headers], body }
}

const smallBody = 64 << 10

/** A small body that is there already goes along as bytes, which spares both sides a stream; any other one stays a stream. */
async function readySmallBody(stream: ReadableStream<Uint8Array>): Promise<Uint8Array | ReadableStream<Uint8Array>> {
  const reader = stream.getReader()
  const chunks: Uint8Array[] = []
  for (let size = 0; size <= smallBody;) {
    const read = reader.read()
    const result = await Promise.race([read, nextTurn()])
    if (result === undefined) return rest(reader, chunks, read)
    if (result.done) return Buffer.concat(chunks)
    chunks.push(result.value)
    size += result.value.byteLength
  }
  return rest(reader, chunks, undefined)
}

/** What was read already, then the rest. */
function rest(
  reader: ReadableStreamDefaultReader<Uint8Array>,
  chunks: Uint8Array[],
  pending: ReturnType<ReadableStreamDefaultReader<Uint8Array>["read"]> | undefined,
): ReadableStream<Uint8Array> {
  let next = pending
  return new ReadableStream<Uint8Array>({
    async pull(controller) {
      const chunk = chunks.shift()
      if (chunk !== undefined) return controller.enqueue(chunk)
      const { done, value } = await (next ?? reader.read())
      next = undefined
      if (done) controller.close()
      else controller.enqueue(value)
    },
    cancel: (reason) => reader.cancel(reason),
  })
}

function nextTurn(): Promise<undefined> {
  return new Promise((resolve) => setImmediate(() => setImmediate(resolve, undefined)))
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
    headers.every(
      (header) => Array.isArray(header) && typeof header[0] === "string" && typeof header[1] === "string",
    ) &&
    body instanceof Uint8Array
  if (!isValid)
    throw new MayflyError("worker.not-serializable", "the handler's response can't be read", {
      details: { path: "result" },
    })
  return { status, statusText: typeof statusText === "string" ? statusText : "", headers, body }
}

export function responseFromWire(wire: WireResponse): WorkerResponse {
  // Only an upgrade has an informational status, and it comes another way.
  const status = wire.status < 200 ? 502 : wire.status
  const body = withoutBody.has(status) ? null : new Uint8Array(wire.body)
  return new WorkerResponse(body, {
    status,
    statusText: wire.statusText,
    headers: wire.headers.map(([name, value]) => [name, value]),
  })
}

/** The JSON form of a handler's answer: `{ status, headers, body }`, the body as text when it is UTF-8, else as bytes. */
export function responseToJson(wire: WireResponse): {
  status: number
  headers: Record<string, string | string[]>
  body: unknown
} {
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
