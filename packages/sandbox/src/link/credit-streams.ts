import { Readable, Writable } from "node:stream"

/** Bytes of one stream that may be under way or unread. Whoever sends more than it was granted is broken. */
export const streamWindow = 256 * 1_024
const pieceBytes = 64 * 1_024

/** The receiving end of a stream: what the reader takes is granted anew to the sender. */
export class InboundStream {
  readonly readable: Readable
  #granted = streamWindow
  #hasEnded = false

  constructor(grant: (bytes: number) => void) {
    const readable = new Readable({
      // Half of the window, so that a call of `read` always finds enough to grant, or a sender that still has credit.
      highWaterMark: streamWindow / 2,
      // What is being read leaves the buffer only after this call.
      read: () => process.nextTick(() => this.#grantDue(grant)),
    })
    // Nobody may be listening when the sandbox dies.
    readable.on("error", () => {})
    this.readable = readable
  }

  /** Throws when the sender had no credit for it. */
  push(bytes: Buffer): void {
    if (this.#hasEnded) throw new Error("data came after the end of its stream")
    this.#granted -= bytes.length
    if (this.#granted < 0) throw new Error("more data came than was granted")
    // Copied: the frame's bytes belong to a larger buffer that would live as long as they do.
    if (!this.readable.destroyed) this.readable.push(Buffer.from(bytes))
  }

  #grantDue(grant: (bytes: number) => void): void {
    const due = streamWindow - this.#granted - this.readable.readableLength
    if (due < streamWindow / 4 || this.#hasEnded) return
    this.#granted += due
    grant(due)
  }

  end(): void {
    if (this.#hasEnded) return
    this.#hasEnded = true
    if (!this.readable.destroyed) this.readable.push(null)
  }

  fail(error: Error): void {
    if (this.#hasEnded) return
    this.#hasEnded = true
    this.readable.destroy(error)
  }
}

export interface OutboundPort {
  /** Sends one piece. False: wait for `resume`. */
  send(piece: Uint8Array): boolean
  end(): void
}

/** The sending end of a stream: waits for credit, and for the pipe below. */
export class OutboundStream {
  readonly writable: Writable
  readonly #port: OutboundPort
  #credit = streamWindow
  #rest: Buffer = Buffer.alloc(0)
  #done: ((error?: Error | null) => void) | undefined
  #isBlocked = false

  constructor(port: OutboundPort) {
    this.#port = port
    this.writable = new Writable({
      write: (chunk: Buffer, _encoding, done) => {
        this.#rest = chunk
        this.#done = done
        this.#pump()
      },
      final: (done) => {
        port.end()
        done()
      },
    })
    this.writable.on("error", () => {})
  }

  /** Throws when the peer grants what no peer may. */
  grant(bytes: number): void {
    this.#credit += bytes
    if (bytes === 0 || this.#credit > streamWindow) throw new Error("an impossible credit was granted")
    this.#pump()
  }

  /** The pipe below takes more. */
  resume(): void {
    this.#isBlocked = false
    this.#pump()
  }

  #pump(): void {
    while (this.#done !== undefined && !this.#isBlocked && (this.#credit > 0 || this.#rest.length === 0)) {
      const piece = this.#rest.subarray(0, Math.min(pieceBytes, this.#credit))
      this.#rest = this.#rest.subarray(piece.length)
      this.#credit -= piece.length
      if (piece.length > 0) this.#isBlocked = !this.#port.send(piece)
      if (this.#rest.length > 0) continue
      const done = this.#done
      this.#done = undefined
      done()
    }
  }

  fail(error: Error): void {
    const done = this.#done
    this.#done = undefined
    this.writable.destroy(error)
    done?.(error)
  }
}
