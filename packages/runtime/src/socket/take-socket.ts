import { type RunWebSocket, socketInternals } from "./run-web-socket.ts"
import type { SocketEnd } from "./socket-end.ts"

/** The end behind the WebSocket of a response, for whoever relays it elsewhere. Throws a TypeError when it was accepted or passed on before. */
export function takeSocket(webSocket: RunWebSocket): SocketEnd {
  if (!socketInternals.isWebSocket(webSocket)) throw new TypeError("webSocket is not one of a WebSocketPair")
  return socketInternals.take(webSocket)
}
