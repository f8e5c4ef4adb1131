import type { Session } from "../../bridge/session.ts"
import { type WebClasses, type WebClassName, webSpecials } from "../../bridge/web-specials.ts"
import { exportSocket } from "../../socket/carry-socket.ts"
import type { SocketInternals } from "../../socket/web-socket-class.ts"
import type { ChunkName, Kernel } from "../kernel.ts"

const chunks: Readonly<Record<WebClassName, ChunkName>> = {
  ReadableStream: "streams",
  WritableStream: "streams",
  Request: "fetch",
  Response: "fetch",
  Headers: "fetch",
  URL: "url",
  AbortSignal: "base",
  AbortController: "base",
  WebSocket: "websocket",
  WebSocketInternals: "websocket",
}

/** Web classes on the bridge; evaluated when the first of them is passed. */
export default function loadBridge(kernel: Kernel): Record<string, unknown> {
  const classes = guestClasses(kernel)
  const sockets = (): SocketInternals => classes.load("WebSocketInternals") as SocketInternals
  return {
    specials: webSpecials(classes),
    /** The handler's response has this socket: the run lasts until it is closed. */
    handOver: (socket: object, session: Session, finished: () => void): number =>
      exportSocket(session, sockets().take(socket), finished),
  }
}

/** The runtime's own classes, whatever the program has put in their places. What is not loaded can have no instances. */
function guestClasses(kernel: Kernel): WebClasses {
  const own = new Map<WebClassName, unknown>()
  const load = (name: WebClassName): unknown => {
    let found = own.get(name)
    if (found === undefined) {
      found = kernel.chunk<Record<string, unknown>>(chunks[name])[name]
      own.set(name, found)
    }
    return found
  }
  return {
    load,
    known: (name) => (kernel.isLoaded(chunks[name]) ? (load(name) as ReturnType<WebClasses["known"]>) : undefined),
  }
}
