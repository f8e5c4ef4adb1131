import { type Closing, maxMessageBytes, maxQueuedBytes, type SocketBatch, SocketEnd } from "./socket-end.ts"

/** The parts of the DOM that a WebSocket is made of, as a realm has them. */
export interface SocketRealm {
  readonly EventTarget: new () => object
  event(type: "open"): object
  message(data: unknown): object
  close(init: { code: number; reason: string; wasClean: boolean }): object
  error(error: Error): object
  /** A failure of `send` that the program itself caused; what it gives is thrown. Without it the socket fails and `send` returns. */
  limitError?(message: string): Error
  /** Whether a wrong argument or state of `send` and `close` is thrown: where a peer's timing can cause it, it is not. */
  readonly isStrict: boolean
  blob?(bytes: ArrayBuffer): unknown
}

type AddListener = (type: string, listener: (event: never) => unknown) => void
type Handler = ((event: never) => unknown) | null

export interface SocketInfo {
  readonly url?: string
  readonly protocol?: string
}

/** What the runtime may do with WebSockets and programs may not. */
export interface SocketInternals {
  /** A WebSocket on an end; it waits for `accept`. */
  wrap(end: SocketEnd, info?: SocketInfo): object
  /** A WebSocket that is connecting, as `new WebSocket(url)` gives it. */
  connecting(socket: object, opened: Promise<{ end: SocketEnd; protocol: string }>): void
  /** The end, for passing it on. Throws a TypeError when it was accepted or taken before. */
  take(socket: object): SocketEnd
  isWebSocket(value: unknown): value is object
}

export interface SocketClasses {
  readonly WebSocket: new (url: unknown, protocols?: unknown) => object
  readonly WebSocketPair: new () => { readonly 0: object; readonly 1: object }
  readonly internals: SocketInternals
}

/** Connects `socket` to `url`; throws for arguments that make no sense. */
export type Connect = (socket: object, url: unknown, protocols: unknown, internals: SocketInternals) => SocketInfo

type State =
  | { readonly status: "connecting" }
  | { readonly status: "waiting"; readonly end: SocketEnd }
  | { readonly status: "open" | "closing"; readonly end: SocketEnd }
  | { readonly status: "taken" }
  | { readonly status: "closed" }

/** Made by us, never by a program, which can't reach this class. */
class Wrapped {
  readonly end: SocketEnd
  readonly info: SocketInfo

  constructor(end: SocketEnd, info: SocketInfo) {
    this.end = end
    this.info = info
  }
}

const readyStates = { connecting: 0, waiting: 1, taken: 1, open: 1, closing: 2, closed: 3 } as const
const handlerTypes = ["open", "message", "close", "error"] as const

/** WebSocket as Cloudflare has it: `accept()` for sockets that come in a response or a pair, the standard's events and methods. */
export function createSocketClasses(realm: SocketRealm, connect: Connect): SocketClasses {
  const made = {} as { internals: SocketInternals }
  const Target = realm.EventTarget as new () => { dispatchEvent(event: object): boolean; addEventListener: AddListener }

  class WebSocket extends Target {
    static readonly CONNECTING = 0
    static readonly READY_STATE_CONNECTING = 0
    static readonly OPEN = 1
    static readonly READY_STATE_OPEN = 1
    static readonly CLOSING = 2
    static readonly READY_STATE_CLOSING = 2
    static readonly CLOSED = 3
    static readonly READY_STATE_CLOSED = 3

    #state: State = { status: "connecting" }
    #info: SocketInfo = {}
    #binaryType = "arraybuffer"
    #closedByUs = false
    readonly #handlers = new Map<string, Handler>()

    static {
      made.internals = {
        wrap: (end, info = {}) => new WebSocket(new Wrapped(end, info)),
        connecting: (socket, opened) => void (socket as WebSocket).#open(opened),
        take: (socket) => (socket as WebSocket).#take(),
        isWebSocket: (value): value is object => typeof value === "object" && value !== null && #state in value,
      }
      for (const [name, value] of Object.entries({ CONNECTING: 0, OPEN: 1, CLOSING: 2, CLOSED: 3 }))
        Object.defineProperty(this.prototype, name, { value, enumerable: true })
      for (const type of handlerTypes) {
        Object.defineProperty(this.prototype, `on${type}`, {
          get(this: WebSocket) {
            return this.#handlers.get(type) ?? null
          },
          set(this: WebSocket, handler: unknown) {
            this.#setHandler(type, handler)
          },
          enumerable: true,
          configurable: true,
        })
      }
    }

    constructor(url: unknown, protocols?: unknown) {
      super()
      if (url instanceof Wrapped) {
        this.#state = { status: "waiting", end: url.end }
        this.#info = url.info
      } else this.#info = connect(this, url, protocols, made.internals)
    }

    get readyState(): number {
      return readyStates[this.#state.status]
    }
    get url(): string | null {
      return this.#info.url ?? null
    }
    get protocol(): string {
      return this.#info.protocol ?? ""
    }
    get extensions(): string {
      return ""
    }
    get bufferedAmount(): number {
      return "end" in this.#state ? this.#state.end.bufferedBytes : 0
    }
    get binaryType(): string {
      return this.#binaryType
    }
    set binaryType(value: string) {
      if (value === "arraybuffer" || (value === "blob" && realm.blob !== undefined)) this.#binaryType = value
    }

    /** Begins to receive. Accepting twice is safe. */
    accept(): void {
      const state = this.#state
      if (state.status === "taken")
        throw new TypeError("Can't accept() a WebSocket that was already used in a response.")
      if (state.status === "connecting")
        throw new TypeError("WebSockets made with 'new WebSocket()' need no accept(): they open by themselves.")
      if (state.status !== "waiting") return
      this.#state = { status: "open", end: state.end }
      void this.#read(state.end)
    }

    send(data: unknown): void {
      const state = this.#state
      if (state.status === "waiting" || state.status === "taken")
        throw new TypeError("You must call accept() on this WebSocket before sending messages.")
      if (state.status === "connecting")
        throw new TypeError("The WebSocket is still connecting: wait for its open event.")
      if (this.#closedByUs && realm.isStrict) throw new TypeError("Can't call WebSocket send() after close().")
      const message = messageOf(data)
      if (!("end" in state)) return
      const problem = state.end.send(message)
      if (problem === undefined) return
      const reason =
        problem === "full"
          ? `the other side is too slow: more than ${maxQueuedBytes} bytes are waiting`
          : `a message is larger than ${maxMessageBytes} bytes`
      const error = realm.limitError?.(reason) ?? new RangeError(reason)
      state.end.fail({ code: 1009, reason, error }, problem === "full")
      if (realm.isStrict) throw error
    }

    close(code?: unknown, reason?: unknown): void {
      const closing = closingOf(code, reason, realm.isStrict)
      const state = this.#state
      if (state.status === "waiting" || state.status === "taken")
        throw new TypeError("You must call accept() on this WebSocket before closing it.")
      if (state.status === "connecting" || state.status === "closed") {
        this.#closedByUs = true
        return
      }
      if (this.#closedByUs) return
      this.#closedByUs = true
      this.#state = { status: "closing", end: state.end }
      state.end.close(closing)
    }

    get [Symbol.toStringTag](): string {
      return "WebSocket"
    }

    #take(): SocketEnd {
      const state = this.#state
      if (state.status === "taken") throw new TypeError("Can't return WebSocket that was already used in a response.")
      if (state.status !== "waiting")
        throw new TypeError("Can't return WebSocket in a Response after calling accept().")
      this.#state = { status: "taken" }
      return state.end
    }

    async #open(opened: Promise<{ end: SocketEnd; protocol: string }>): Promise<void> {
      try {
        const { end, protocol } = await opened
        this.#info = { ...this.#info, protocol }
        if (this.#closedByUs) end.close({ code: 1001, reason: "" })
        this.#state = { status: this.#closedByUs ? "closing" : "open", end }
        if (!this.#closedByUs) this.#dispatch(realm.event("open"))
        void this.#read(end)
      } catch (error) {
        this.#ended({ code: 1006, reason: "Failed to establish websocket connection", error: error as Error })
      }
    }

    async #read(end: SocketEnd): Promise<void> {
      for (;;) {
        const batch: SocketBatch = await end.receive()
        for (const message of batch.messages) {
          this.#dispatch(realm.message(this.#dataOf(message)))
          // What a listener promised to do first is done first.
          await Promise.resolve()
        }
        if (batch.closing !== undefined) return this.#ended(batch.closing)
      }
    }

    #ended({ code, reason, error }: Closing): void {
      this.#state = { status: "closed" }
      if (error !== undefined) this.#dispatch(realm.error(error))
      this.#dispatch(realm.close({ code, reason, wasClean: error === undefined }))
    }

    #dataOf(message: string | Uint8Array): unknown {
      if (typeof message === "string") return message
      const { buffer, byteLength } = message
      const bytes = buffer.byteLength === byteLength ? buffer : message.slice().buffer
      return this.#binaryType === "blob" ? realm.blob?.(bytes as ArrayBuffer) : bytes
    }

    #dispatch(event: object): void {
      super.dispatchEvent(event)
    }

    #setHandler(type: string, handler: unknown): void {
      const isNew = !this.#handlers.has(type)
      this.#handlers.set(type, typeof handler === "function" ? (handler as Handler) : null)
      if (isNew) this.addEventListener(type, (event: never) => this.#handlers.get(type)?.call(this, event))
    }
  }

  class WebSocketPair {
    readonly 0: object
    readonly 1: object

    constructor() {
      const [near, far] = SocketEnd.pair()
      this[0] = made.internals.wrap(near)
      this[1] = made.internals.wrap(far)
    }
  }

  return { WebSocket: WebSocket as SocketClasses["WebSocket"], WebSocketPair, internals: made.internals }
}

/** A copy: the program may change its bytes while they wait. */
function messageOf(data: unknown): string | Uint8Array {
  if (ArrayBuffer.isView(data)) return new Uint8Array(data.buffer, data.byteOffset, data.byteLength).slice()
  if (data instanceof ArrayBuffer) return new Uint8Array(data).slice()
  return `${data as string}`.toWellFormed()
}

const reservedCodes: readonly number[] = [1004, 1005, 1006, 1015]
const maxReasonBytes = 123

function closingOf(code: unknown, reason: unknown, isStrict: boolean): Closing {
  const text = reason === undefined ? "" : `${reason as string}`.toWellFormed()
  if (code === undefined) {
    if (reason !== undefined && isStrict)
      throw new TypeError("If you specify a WebSocket close reason, you must also specify a code.")
    return { code: 1005, reason: "" }
  }
  const number = Number(code)
  const isValid = Number.isInteger(number) && number >= 1000 && number < 5000 && !reservedCodes.includes(number)
  const bytes = new TextEncoder().encode(text).length
  if (isStrict && !isValid) throw new TypeError(`Invalid WebSocket close code: ${number}.`)
  if (isStrict && bytes > maxReasonBytes) throw new TypeError("A WebSocket close reason may have 123 bytes.")
  return { code: isValid ? number : 1005, reason: bytes > maxReasonBytes ? text.slice(0, 40) : text }
}
