import type { Socket } from "node:net"
import { type EgressSocket, MayflyError } from "@mayfly/protocol"
import type { Cleared } from "./clear.ts"
import { tooLargeRequest } from "./clear.ts"
import { unreachableError } from "./unreachable-error.ts"

export interface SocketStreamsOptions {
  readonly cleared: Cleared
  readonly signal: AbortSignal
}

/**
 * A connected socket as two streams with back-pressure on both. Its row ends when it closes; the signal closes it. Closing
 * the writable half leaves the readable one open, as in TCP; cancelling the readable one ends the connection.
 */
export function socketStreams(socket: Socket, options: SocketStreamsOptions): EgressSocket {
  const streams = new SocketStreams(socket, options)
  return { readable: streams.readable(), writable: streams.writable() }
}

class SocketStreams {
  readonly #socket: Socket
  readonly #options: SocketStreamsOptions
  readonly #chunks: AsyncIterator<Uint8Array>
  #received = 0
  #sent = 0
  #failure: unknown

  constructor(socket: Socket, options: SocketStreamsOptions) {
    this.#socket = socket
    this.#options = options
    socket.allowHalfOpen = true
    this.#chunks = socket[Symbol.asyncIterator]() as AsyncIterator<Uint8Array>
    const { signal, cleared } = options
    const onAbort = (): void => void this.#fail(signal.reason)
    signal.addEventListener("abort", onAbort, { once: true })
    socket.once("close", () => {
      signal.removeEventListener("abort", onAbort)
      cleared.entry.end()
    })
    if (signal.aborted) onAbort()
  }

  readable(): ReadableStream<Uint8Array> {
    return new ReadableStream<Uint8Array>(
      {
        pull: async (controller) => {
          const { done, value } = await this.#next()
          if (done === true) {
            controller.close()
            this.#closeIfOver()
          } else controller.enqueue(new Uint8Array(value))
        },
        cancel: () => void this.#socket.destroy(),
      },
      { highWaterMark: 0 },
    )
  }

  writable(): WritableStream<Uint8Array> {
    return new WritableStream<Uint8Array>({
      write: (chunk) => this.#write(chunk),
      close: () =>
        new Promise((resolve) => {
          this.#socket.end(resolve)
          this.#closeIfOver()
        }),
      abort: () => void this.#socket.destroy(),
    })
  }

  async #next(): Promise<IteratorResult<Uint8Array>> {
    const { cleared } = this.#options
    try {
      const next = await this.#chunks.next()
      if (next.done !== true) {
        this.#received += next.value.byteLength
        cleared.entry.addBytes("bytesIn", next.value.byteLength)
        if (this.#received > (cleared.maxStreamBytes ?? Infinity)) throw this.#fail(this.#tooMuch())
      }
      // oxlint-disable-next-line typescript/only-throw-error -- the signal's reason is whatever its owner gave
      if (this.#failure !== undefined) throw this.#failure
      return next
    } catch (cause) {
      throw this.#failure ?? this.#broken(cause)
    }
  }

  #write(chunk: unknown): Promise<void> {
    const { cleared } = this.#options
    if (!(chunk instanceof Uint8Array)) throw new TypeError("only a Uint8Array can be written to a connection")
    this.#sent += chunk.byteLength
    if (this.#sent > cleared.maxRequestBytes) {
      throw this.#fail(tooLargeRequest(cleared.target.origin, cleared.maxRequestBytes), "request-too-large")
    }
    cleared.entry.addBytes("bytesOut", chunk.byteLength)
    return new Promise((resolve, reject) => {
      this.#socket.write(chunk, (error) => {
        if (error === null || error === undefined) resolve()
        // oxlint-disable-next-line typescript/prefer-promise-reject-errors -- as above
        else reject(this.#failure ?? this.#broken(error))
      })
    })
  }

  /** Both halves are closed: nothing can happen any more. */
  #closeIfOver(): void {
    if (!this.#socket.readableEnded || !this.#socket.writableEnded) return
    this.#options.cleared.entry.end()
    this.#socket.destroySoon()
  }

  #fail(error: unknown, reason = this.#options.signal.aborted ? "aborted" : "response-too-large"): unknown {
    this.#failure ??= error
    this.#options.cleared.entry.end({ reason })
    this.#socket.destroy()
    return error
  }

  #broken(cause: unknown): unknown {
    const { target, entry } = this.#options.cleared
    entry.end({ reason: "unreachable" })
    return unreachableError(cause, { method: "CONNECT", origin: target.origin, wasConnected: true })
  }

  #tooMuch(): MayflyError {
    const { target, maxStreamBytes } = this.#options.cleared
    const message = `The connection to "${target.origin}" gave more than ${maxStreamBytes} bytes`
    return new MayflyError("mesh.response-too-large", message, { details: { maxBytes: maxStreamBytes } })
  }
}
