import type { Socket } from "node:net"
import { Duplex } from "node:stream"

const headBytes = 8
const stdoutType = 1

/**
 * The main process of a container as one stream: what is written is its stdin, what is read its stdout. The engine puts a head before each piece of
 * output; pieces of stderr go to `onComplaint`.
 */
export class AttachedStream extends Duplex {
  readonly #socket: Socket
  readonly #onComplaint: (text: string) => void
  #head: Buffer = Buffer.alloc(0)
  #type = 0
  /** Bytes of the piece that are still to come. */
  #left = 0

  constructor(socket: Socket, onComplaint: (text: string) => void) {
    super({ allowHalfOpen: false })
    this.#socket = socket
    this.#onComplaint = onComplaint
    socket.setNoDelay(true)
    socket.on("data", (chunk: Buffer) => this.#take(chunk))
    socket.on("end", () => this.push(null))
    socket.on("error", (error) => this.destroy(error))
    socket.on("close", () => this.destroy())
  }

  ref(): void {
    this.#socket.ref()
  }

  unref(): void {
    this.#socket.unref()
  }

  override _read(): void {
    this.#socket.resume()
  }

  override _write(chunk: Buffer, _encoding: string, done: (error?: Error | null) => void): void {
    this.#socket.write(chunk, done)
  }

  override _writev(chunks: readonly { readonly chunk: Buffer }[], done: (error?: Error | null) => void): void {
    this.#socket.write(Buffer.concat(chunks.map(({ chunk }) => chunk)), done)
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    this.#socket.destroy()
    done(error)
  }

  #take(chunk: Buffer): void {
    for (let rest = chunk; rest.length > 0;) {
      if (this.#left === 0) {
        const missing = headBytes - this.#head.length
        this.#head = Buffer.concat([this.#head, rest.subarray(0, missing)])
        rest = rest.subarray(missing)
        if (this.#head.length < headBytes) return
        this.#type = this.#head[0] ?? 0
        this.#left = this.#head.readUInt32BE(4)
        this.#head = Buffer.alloc(0)
        continue
      }
      const piece = rest.subarray(0, this.#left)
      this.#left -= piece.length
      rest = rest.subarray(piece.length)
      if (this.#type !== stdoutType) this.#onComplaint(piece.toString("utf8"))
      else if (!this.push(piece)) this.#socket.pause()
    }
  }
}
