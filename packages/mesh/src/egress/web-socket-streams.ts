import { type EgressWebSocket, MayflyError } from "@mayfly/protocol"
import { type RawData, WebSocket } from "ws"
import { type Cleared, tooLargeRequest } from "./clear.ts"
import { unreachableError } from "./unreachable-error.ts"

export interface WebSocketStreamsOptions {
  readonly cleared: Cleared
  readonly signal: AbortSignal
}

/** An open WebSocket behind the interface of the way out. Its row ends when it closes; the signal ends it at once. */
export function webSocketStreams(client: WebSocket, options: WebSocketStreamsOptions): EgressWebSocket {
  return new OpenWebSocket(client, options)
}

class OpenWebSocket implements EgressWebSocket {
  readonly protocol: string
  readonly messages: ReadableStream<string | Uint8Array>
  readonly closed: Promise<{ readonly code: number; readonly reason: string }>
  readonly #client: WebSocket
  readonly #options: WebSocketStreamsOptions
  #controller: ReadableStreamDefaultController<string | Uint8Array> | undefined
  #failure: unknown
  #received = 0
  #sent = 0
  #isAlive = true

  constructor(client: WebSocket, options: WebSocketStreamsOptions) {
    this.#client = client
    this.#options = options
    this.protocol = client.protocol
    this.messages = new ReadableStream<string | Uint8Array>(
      {
        start: (controller) => void (this.#controller = controller),
        pull: () => client.resume(),
        cancel: () => this.close(1000),
      },
      { highWaterMark: 4 },
    )
    const { promise, resolve } = Promise.withResolvers<{ code: number; reason: string }>()
    this.closed = promise
    client.on("message", (data, isBinary) => this.#message(data, isBinary))
    client.on("ping", (data) => this.#pong(data))
    client.on("pong", () => void (this.#isAlive = true))
    client.on("error", (cause) => this.#broken(cause))
    const beat = setInterval(() => this.#beat(), beatMs)
    beat.unref()
    const onAbort = (): void => this.#fail(options.signal.reason, "aborted")
    options.signal.addEventListener("abort", onAbort, { once: true })
    client.once("close", (code, reason) => {
      clearInterval(beat)
      options.signal.removeEventListener("abort", onAbort)
      options.cleared.entry.end()
      if (this.#failure === undefined) this.#controller?.close()
      resolve({ code, reason: reason.toString() })
    })
    if (options.signal.aborted) onAbort()
  }

  async send(message: string | Uint8Array): Promise<void> {
    const { cleared } = this.#options
    // oxlint-disable-next-line typescript/only-throw-error -- the signal's reason is whatever its owner gave
    if (this.#failure !== undefined) throw this.#failure
    if (this.#client.readyState !== WebSocket.OPEN) throw notOpen(cleared.target.origin)
    const size = typeof message === "string" ? Buffer.byteLength(message) : message.byteLength
    this.#sent += size
    if (this.#sent > cleared.maxRequestBytes) {
      const error = tooLargeRequest(cleared.target.origin, cleared.maxRequestBytes)
      this.#fail(error, "request-too-large")
      throw error
    }
    cleared.entry.addBytes("bytesOut", size)
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    this.#client.send(message, (error) => {
      if (error === undefined || error === null) resolve()
      else reject(this.#failure ?? notOpen(cleared.target.origin))
    })
    if (this.#client.bufferedAmount > maxBufferedBytes) return promise
    promise.catch(() => {})
  }

  close(code?: number, reason?: string): void {
    try {
      this.#client.close(code, reason)
    } catch {
      const message = "A WebSocket is closed with 1000 or a code from 3000 to 4999, and a reason of at most 123 bytes"
      throw new MayflyError("input.invalid", message, { details: { field: "code" } })
    }
    // The other side's answer has to be read, also when nobody reads messages any more.
    this.#client.resume()
  }

  #message(data: RawData, isBinary: boolean): void {
    const { cleared } = this.#options
    const bytes = data as Buffer
    this.#received += bytes.length
    cleared.entry.addBytes("bytesIn", bytes.length)
    if (this.#received > (cleared.maxStreamBytes ?? Infinity)) return this.#tooMuch()
    // Whoever closes has no use for what is still on its way (WebSockets standard, "when a message has been received").
    if (this.#client.readyState !== WebSocket.OPEN || this.#failure !== undefined) return
    this.#controller?.enqueue(isBinary ? new Uint8Array(bytes) : bytes.toString())
    if ((this.#controller?.desiredSize ?? 0) <= 0) this.#client.pause()
  }

  /** A peer that asks and never reads the answers would fill our memory with them. */
  #pong(data: Buffer): void {
    if (this.#client.readyState === WebSocket.OPEN && this.#client.bufferedAmount < maxPongBytes)
      this.#client.pong(data)
  }

  /** A peer that has gone without a word is noticed; one that we do not read from cannot answer. */
  #beat(): void {
    if (this.#client.isPaused || this.#client.readyState !== WebSocket.OPEN) return
    if (!this.#isAlive) return this.#fail(this.#lost(new Error("no pong")), "unreachable")
    this.#isAlive = false
    this.#client.ping()
  }

  #broken(cause: Error): void {
    const isTooLarge = "code" in cause && cause.code === "WS_ERR_UNSUPPORTED_MESSAGE_LENGTH"
    if (isTooLarge) this.#tooMuch()
    else this.#fail(this.#lost(cause), "unreachable")
  }

  #lost(cause: unknown): MayflyError {
    const { origin } = this.#options.cleared.target
    return unreachableError(cause, { method: "GET", origin, wasConnected: true })
  }

  #tooMuch(): void {
    const { target, maxResponseBytes } = this.#options.cleared
    const message = `The WebSocket of "${target.origin}" sent more than ${maxResponseBytes} bytes`
    const details = { origin: target.origin, maxBytes: maxResponseBytes }
    this.#fail(new MayflyError("mesh.response-too-large", message, { details }), "response-too-large")
  }

  #fail(error: unknown, reason: string): void {
    if (this.#failure !== undefined) return
    this.#failure = error
    this.#options.cleared.entry.end({ reason })
    try {
      this.#controller?.error(error)
    } finally {
      this.#client.terminate()
    }
  }
}

const beatMs = 30_000
const maxBufferedBytes = 1 << 20
const maxPongBytes = 64 << 10

function notOpen(origin: string): MayflyError {
  return new MayflyError("mesh.unreachable", `The WebSocket of "${origin}" is closed`, { retry: false })
}
