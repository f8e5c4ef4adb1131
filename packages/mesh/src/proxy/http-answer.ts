import type { IncomingMessage, ServerResponse } from "node:http"
import type { EgressResponse, MayflyError } from "@mayfly/protocol"

/** An answer of ours to somebody who speaks HTTP: why nothing came of a request. */
export interface RefusalAnswer {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
}

/** JSON for programs, whose first field is the text; plain text for those that ask for text. */
export function refusalAnswer(error: MayflyError, accept = ""): RefusalAnswer {
  const { code, message, details } = error
  const reason = details["reason"]
  const isDenied = typeof reason === "string"
  const wantsText = /\btext\/(plain|html)\b/i.test(accept) && !/json/i.test(accept)
  const body = wantsText ? `${message}\n` : `${JSON.stringify({ message, ...error.toJSON() }, null, 2)}\n`
  const retryAfterMs = details["retryAfterMs"]
  return {
    status: reason === "host-header" ? 421 : error.status,
    headers: {
      "content-type": wantsText ? "text/plain; charset=utf-8" : "application/json; charset=utf-8",
      "content-length": String(Buffer.byteLength(body)),
      "cache-control": "no-store",
      [isDenied ? "x-mayfly-denied" : "x-mayfly-error"]: isDenied ? reason : code,
      // Clients show no body of a refused CONNECT; some show its headers.
      "x-mayfly-message": oneLine(message),
      ...(typeof retryAfterMs === "number" ? { "retry-after": String(Math.ceil(retryAfterMs / 1_000)) } : {}),
    },
    body,
  }
}

/** The same as bytes, for a connection that has left Node's HTTP server. The connection ends with it. */
export function refusalBytes(error: MayflyError, accept?: string): Buffer {
  const { status, headers, body } = refusalAnswer(error, accept)
  const lines = Object.entries({ ...headers, connection: "close" }).map(([name, value]) => `${name}: ${value}\r\n`)
  return Buffer.from(`HTTP/1.1 ${status} ${phrases.get(status) ?? "Error"}\r\n${lines.join("")}\r\n${body}`)
}

export function sendRefusal(error: MayflyError, request: IncomingMessage, response: ServerResponse): void {
  // In the middle of an answer only the end of the connection can say that it is not whole.
  if (response.headersSent) return void response.destroy()
  const { status, headers, body } = refusalAnswer(error, request.headers.accept)
  // Whatever is still to come of the request is not read for nothing.
  const close = request.complete ? {} : { connection: "close" }
  response.writeHead(status, phrases.get(status) ?? "Error", { ...headers, ...close })
  response.end(body)
}

/** Sends an answer no faster than it is taken. Rejects when its body breaks off. */
export async function sendAnswer(answer: EgressResponse, response: ServerResponse): Promise<void> {
  const { status, statusText, headers, body } = answer
  response.sendDate = false
  response.writeHead(status, statusText, headers.flat())
  if (body === null) return void response.end()
  // Otherwise the head waits for the first bytes, which may be long in coming.
  response.flushHeaders()
  const reader = body.getReader()
  response.once("close", () => void reader.cancel().catch(() => {}))
  for (;;) {
    const { done, value } = await reader.read()
    if (response.destroyed) return
    if (done) return void response.end()
    if (!response.write(value)) await drained(response)
  }
}

function drained(response: ServerResponse): Promise<void> {
  return new Promise((resolve) => {
    const settle = (): void => {
      response.off("drain", settle)
      response.off("close", settle)
      resolve()
    }
    response.on("drain", settle)
    response.on("close", settle)
  })
}

const phrases: ReadonlyMap<number, string> = new Map([
  [400, "Bad Request"],
  [403, "Forbidden"],
  [407, "Proxy Authentication Required"],
  [408, "Request Timeout"],
  [413, "Content Too Large"],
  [421, "Misdirected Request"],
  [422, "Unprocessable Content"],
  [429, "Too Many Requests"],
  [431, "Request Header Fields Too Large"],
  [500, "Internal Server Error"],
  [502, "Bad Gateway"],
  [503, "Service Unavailable"],
])

function oneLine(text: string): string {
  return text.replaceAll(/[^\x20-\x7e]/g, "?").slice(0, 2_000)
}
