import { RpcSession } from "capnweb"
import { publicError } from "../error-response.ts"
import { closeOnAbort } from "../sockets/close-on-abort.ts"
import type { SocketHandler } from "../sockets/socket-upgrade.ts"
import { GuardedTransport } from "./guarded-transport.ts"
import { HeldBytes } from "./held-bytes.ts"
import { RemoteSession, type SessionParts } from "./remote-session.ts"

/** A program with all its modules, and its quotation marks. */
const maxMessageBytes = 128 << 20

/** Speaks Cap'n Web with a client: it makes workers, whose `env` functions stay with it. Ends with the key, and when the server stops. */
export function serveSession(parts: Omit<SessionParts, "held">, maxHeldBytes?: number): SocketHandler {
  return {
    maxMessageBytes,
    open(socket) {
      const ended = new AbortController()
      socket.once("close", () => ended.abort(new DOMException("the client has gone away", "AbortError")))
      closeOnAbort(socket, parts.signal)
      const held = new HeldBytes(maxHeldBytes, parts.holder)
      socket.once("close", () => held[Symbol.dispose]())
      const session = new RemoteSession({ ...parts, held, signal: AbortSignal.any([ended.signal, parts.signal]) })
      const stats = (): ReturnType<typeof connection.getStats> => connection.getStats()
      const transport = new GuardedTransport(socket, { held, stats })
      const connection = new RpcSession(transport, session, { onSendError })
    },
  }
}

/** Errors of a program travel in outcomes. What is thrown here says nothing of the server's inside. */
function onSendError(error: Error): Error {
  const { message } = publicError(error)
  return new Error(message)
}
