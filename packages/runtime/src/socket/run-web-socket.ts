import { MayflyError } from "@mayfly/protocol"
import { createSocketClasses, type SocketInternals } from "./web-socket-class.ts"

/** The parent's end of a WebSocket that a guest opened, as at Cloudflare: `accept()` it, then it is a WebSocket. */
export interface RunWebSocket extends EventTarget {
  readonly readyState: number
  /** The subprotocol that was agreed on, "" when none. */
  readonly protocol: string
  readonly url: string | null
  /** Bytes that the guest has not taken yet; with more than 64 MiB of them the socket fails. */
  readonly bufferedAmount: number
  binaryType: string
  onmessage: ((event: MessageEvent) => unknown) | null
  onclose: ((event: CloseEvent) => unknown) | null
  onerror: ((event: SocketErrorEvent) => unknown) | null
  /** Begins to receive; what came before waits, and the guest with it. Accepting twice is safe. */
  accept(): void
  /** Text or bytes of at most 32 MiB. Never throws for what the guest did: after the close it does nothing. */
  send(message: string | ArrayBuffer | ArrayBufferView): void
  /** Closing twice is safe. A code that may not be sent (1005, 1006) is left out. */
  close(code?: number, reason?: string): void
  addEventListener(type: "message", listener: (event: MessageEvent) => unknown, options?: ListenerOptions): void
  addEventListener(type: "close", listener: (event: CloseEvent) => unknown, options?: ListenerOptions): void
  addEventListener(type: "error", listener: (event: SocketErrorEvent) => unknown, options?: ListenerOptions): void
  addEventListener(...values: Parameters<EventTarget["addEventListener"]>): void
}

type ListenerOptions = Parameters<EventTarget["addEventListener"]>[2]

/** A socket broke. `error` is coded when the run that held it failed. */
export interface SocketErrorEvent extends Event {
  readonly error: Error
  readonly message: string
}

class ErrorEvent extends Event {
  readonly error: Error
  readonly message: string

  constructor(error: Error) {
    super("error")
    this.error = error
    this.message = error.message
  }
}

const {
  WebSocket,
  WebSocketPair: PairClass,
  internals,
} = createSocketClasses(
  {
    EventTarget: globalThis.EventTarget,
    event: (type) => new Event(type),
    message: (data) => new MessageEvent("message", { data }),
    close: (init) => new CloseEvent("close", init),
    error: (error) => new ErrorEvent(error),
    limitError: (message) => new MayflyError("worker.websocket-limit", message),
    isStrict: false,
    blob: (bytes) => new Blob([bytes as ArrayBuffer]),
  },
  () => {
    throw new TypeError("Illegal constructor")
  },
)

/** Two connected sockets, for a `fetch` of the parent's that upgrades: `accept()` one, return the other in a `WorkerResponse`. */
export const WebSocketPair = PairClass as new () => { readonly 0: RunWebSocket; readonly 1: RunWebSocket }
export const RunWebSocketClass = WebSocket
export const socketInternals: SocketInternals = internals
