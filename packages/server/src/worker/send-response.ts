import type { ServerResponse } from "node:http"

/** Belong to the connection, which is not the worker's. */
const connectionHeaders = new Set(["connection", "keep-alive", "proxy-connection", "transfer-encoding", "upgrade"])

/** Writes an answer as its body is written, at the reader's pace. Rejects when the body fails; a reader that goes away cancels it. */
export async function sendResponse(response: Response, to: ServerResponse, isHead: boolean): Promise<void> {
  // A wrong content-length is the worker's mistake, not a client that waits for ever.
  to.strictContentLength = !isHead
  to.writeHead(response.status, response.statusText || undefined, headersOf(response.headers))
  if (response.body === null || isHead) {
    await response.body?.cancel()
    to.end()
    return
  }
  // Heads of streams whose first words are late go ahead.
  setImmediate(() => to.writableEnded || to.destroyed || to.flushHeaders())
  await pump(response.body.getReader(), to)
}

async function pump(reader: ReadableStreamDefaultReader<unknown>, to: ServerResponse): Promise<void> {
  const isGone = new Promise<void>((resolve) => to.once("close", () => resolve()))
  // Reading may take for ever; it ends when nobody wants it.
  isGone
    .then(() => (to.writableEnded ? undefined : reader.cancel(new Error("the client has gone away"))))
    .catch(() => {})
  for (;;) {
    const { done, value } = await reader.read()
    if (to.destroyed) return
    if (done) {
      to.end()
      return
    }
    if (!(value instanceof Uint8Array)) throw new TypeError("a chunk of the response's body is not a Uint8Array")
    if (!to.write(value)) await Promise.race([drained(to), isGone])
  }
}

function drained(to: ServerResponse): Promise<void> {
  return new Promise((resolve) => to.once("drain", resolve))
}

function headersOf(headers: Headers): Record<string, string | string[]> {
  const given = Object.create(null) as Record<string, string | string[]>
  for (const [name, value] of headers) if (!connectionHeaders.has(name)) given[name] = value
  const cookies = headers.getSetCookie()
  if (cookies.length > 0) given["set-cookie"] = cookies
  return given
}
