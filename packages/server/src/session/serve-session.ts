import { newWebSocketRpcSession } from "capnweb"
import type { WebSocket } from "ws"
import { publicError } from "../error-response.ts"
import type { SocketHandler } from "../sockets/socket-upgrade.ts"
import { RemoteSession, type SessionParts } from "./remote-session.ts"

/** A program with all its modules, and its quotation marks. */
const maxMessageBytes = 128 << 20

/** Speaks Cap'n Web with a client: it makes workers, whose `env` functions stay with it. Ends with the key, and when the server stops. */
export function serveSession(parts: SessionParts): SocketHandler {
  return {
    maxMessageBytes,
    open(socket) {
      const ended = new AbortController()
      socket.once("close", () => ended.abort(new DOMException("the client has gone away", "AbortError")))
      const end = (): void => socket.close(1001, "the server stops, or the key has ended")
      parts.signal.addEventListener("abort", end, { once: true })
      socket.once("close", () => parts.signal.removeEventListener("abort", end))
      if (parts.signal.aborted) end()
      const session = new RemoteSession({ ...parts, signal: AbortSignal.any([ended.signal, parts.signal]) })
      newWebSocketRpcSession(asStandard(socket), session, { limits: { maxMessageSize: maxMessageBytes }, onSendError })
    },
  }
}

/** Errors of a program travel in outcomes. What is thrown here says nothing of the server's inside. */
function onSendError(error: Error): Error {
  const { message } = publicError(error)
  return new Error(message)
}

/** `ws` has the standard's interface, as far as it is used here. */
function asStandard(socket: WebSocket): globalThis.WebSocket {
  return socket as unknown as globalThis.WebSocket
}
