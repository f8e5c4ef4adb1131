import type { IncomingMessage } from "node:http"
import { MayflyError } from "@mayfly/protocol"

/** Whether a request asks for a WebSocket. Others that ask to upgrade are answered as if they did not. */
export function isWebSocketUpgrade(message: IncomingMessage): boolean {
  const { method, headers } = message
  return method === "GET" && headers.upgrade?.toLowerCase() === "websocket" && !hasBody(message)
}

export function hasBody({ headers }: IncomingMessage): boolean {
  return headers["transfer-encoding"] !== undefined || (headers["content-length"] ?? "0") !== "0"
}

const maxProtocols = 100
const token = /^[!#$%&'*+.^_`|~0-9a-z-]+$/i

/** The subprotocols that the client offers. Throws `input.invalid` for a handshake that RFC 6455 (4.2.1) does not allow. */
export function checkHandshake({ headers }: IncomingMessage): readonly string[] {
  const { "sec-websocket-key": key = "", "sec-websocket-version": version } = headers
  if (version !== "13") throw wrong("Sec-WebSocket-Version has to be 13")
  if (!/^[+/0-9A-Za-z]{22}==$/.test(key)) throw wrong("Sec-WebSocket-Key has to be 16 bytes in base64")
  const given = headers["sec-websocket-protocol"]
  if (given === undefined) return []
  const protocols = given.split(",").map((protocol) => protocol.trim())
  const areTokens = protocols.length <= maxProtocols && protocols.every((protocol) => token.test(protocol))
  if (!areTokens || new Set(protocols).size < protocols.length)
    throw wrong("Sec-WebSocket-Protocol has to list different tokens")
  return protocols
}

function wrong(why: string): MayflyError {
  return new MayflyError("input.invalid", `the WebSocket handshake is wrong: ${why}`, {
    fix: "Open the WebSocket with a client for WebSockets.",
  })
}
