import { STATUS_CODES } from "node:http"
import type { Duplex } from "node:stream"
import { MayflyError } from "@mayfly/protocol"
import { bareHeaders, errorBody } from "./error-response.ts"

/** Answers what is no request that the HTTP parser could read, in the shape of every other failure, and hangs up. */
export function answerClientError(error: NodeJS.ErrnoException, socket: Duplex): void {
  // Nobody reads it, or it would stand in the middle of another answer.
  if (error.code === "ECONNRESET" || !socket.writable || isAnswering(socket)) return void socket.destroy()
  const known = codedOf(error.code ?? "")
  const body = JSON.stringify(errorBody(known, "none"))
  const head = [
    `HTTP/1.1 ${known.status} ${STATUS_CODES[known.status] ?? "Error"}`,
    "content-type: application/json",
    `content-length: ${Buffer.byteLength(body)}`,
    "connection: close",
    ...Object.entries(bareHeaders(known)).map(([name, value]) => `${name}: ${value}`),
  ]
  socket.end(`${head.join("\r\n")}\r\n\r\n${body}`)
}

function codedOf(code: string): MayflyError {
  if (code === "HPE_HEADER_OVERFLOW")
    return new MayflyError("server.headers-too-large", "the request line and the headers are larger than 16 KiB")
  if (code === "ERR_HTTP_REQUEST_TIMEOUT")
    return new MayflyError("server.body-timeout", "the request did not arrive in time")
  return new MayflyError("input.invalid", "the request is not HTTP that can be read")
}

/** As Node itself looks before it answers. */
function isAnswering(socket: Duplex): boolean {
  const { _httpMessage: answer } = socket as Duplex & { _httpMessage?: { _headerSent?: boolean } | null }
  return answer?._headerSent === true
}
