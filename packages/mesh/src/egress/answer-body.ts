import { pipeline, type Readable } from "node:stream"
import { decodeBody, Meter, TooManyBytes } from "./decode-body.ts"

export interface AnswerBodyOptions {
  /** Encodings to undo, see `decodersOf`. */
  readonly decoders: readonly string[]
  /** The most bytes, as sent and as decoded. */
  readonly maxBytes: number
  readonly signal: AbortSignal
  /** Bytes came over the wire. */
  onBytes(count: number): void
  /** The body is over: called once. Gives the error that its reader gets. */
  onEnd(end: BodyEnd): unknown
}

export type BodyEnd =
  | { readonly status: "complete" | "cancelled" | "aborted" }
  | { readonly status: "too-large" }
  | { readonly status: "failed"; readonly cause: unknown }

/**
 * An answer's body for whoever asked. Nothing is read from the connection before it is wanted, so a slow reader slows the
 * server down and costs one chunk of memory. Cancelling it, and the signal, close the connection.
 */
export function answerBody(raw: Readable, options: AnswerBodyOptions): ReadableStream<Uint8Array> {
  const source = new AnswerSource(raw, options)
  return new ReadableStream<Uint8Array>(source, { highWaterMark: 0 })
}

class AnswerSource {
  readonly #raw: Readable
  readonly #options: AnswerBodyOptions
  readonly #onAbort = (): void => this.#end({ status: "aborted" })
  #chunks: AsyncIterator<Uint8Array> | undefined
  #controller: ReadableStreamDefaultController<Uint8Array> | undefined
  #isOver = false
  #wireBytes = 0

  constructor(raw: Readable, options: AnswerBodyOptions) {
    this.#raw = raw
    this.#options = options
    // Destroying a body that nobody reads fails it; without a listener that would end the process.
    raw.on("error", () => {})
    options.signal.addEventListener("abort", this.#onAbort, { once: true })
  }

  start(controller: ReadableStreamDefaultController<Uint8Array>): void {
    this.#controller = controller
    if (this.#options.signal.aborted) this.#onAbort()
  }

  async pull(controller: ReadableStreamDefaultController<Uint8Array>): Promise<void> {
    try {
      this.#chunks ??= await this.#open()
      const { done, value } = await this.#chunks.next()
      if (this.#isOver) return
      if (done === true) {
        this.#end({ status: "complete" })
        controller.close()
      } else {
        if (this.#options.decoders.length === 0) this.#count(value.byteLength)
        // A view that shares its memory with the connection's buffers must not be detached by its reader.
        controller.enqueue(new Uint8Array(value))
      }
    } catch (cause) {
      this.#end(cause instanceof TooManyBytes ? { status: "too-large" } : { status: "failed", cause })
    }
  }

  cancel(): void {
    this.#end({ status: "cancelled" })
  }

  async #open(): Promise<AsyncIterator<Uint8Array>> {
    const { decoders, maxBytes, onBytes } = this.#options
    if (decoders.length === 0) return this.#raw[Symbol.asyncIterator]() as AsyncIterator<Uint8Array>
    const meter = pipeline(this.#raw, new Meter(maxBytes, onBytes), () => {})
    const decoded = await decodeBody(meter, decoders, maxBytes)
    return decoded[Symbol.asyncIterator]() as AsyncIterator<Uint8Array>
  }

  #count(bytes: number): void {
    this.#wireBytes += bytes
    this.#options.onBytes(bytes)
    if (this.#wireBytes > this.#options.maxBytes) throw new TooManyBytes()
  }

  #end(end: BodyEnd): void {
    if (this.#isOver) return
    this.#isOver = true
    this.#options.signal.removeEventListener("abort", this.#onAbort)
    const error = this.#options.onEnd(end)
    if (end.status === "complete") return
    this.#raw.destroy()
    if (end.status !== "cancelled") this.#controller?.error(error)
  }
}
