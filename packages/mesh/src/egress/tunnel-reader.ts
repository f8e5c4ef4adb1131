import { type OnReadOpts, Socket } from "node:net"
import type { Writable } from "node:stream"

/**
 * Reads one end of a tunnel and writes to the other. It asks for more at once than a stream does, and keeps its memory as long
 * as what was read is written at once: a large transfer takes less of the supervisor's time.
 */
export class TunnelReader {
  readonly options: OnReadOpts = {
    buffer: () => this.#memory(),
    callback: (count, bytes) => this.#read(bytes.subarray(0, count)),
  }
  #buffer: Buffer | undefined
  #isBusy = false
  #sink: Writable | undefined
  /** What came before anybody wanted it: one piece, since nothing more is read then. */
  #early: Uint8Array | undefined

  /** `from` is the socket that was made with `options`. When it ends, so does `sink`. */
  readInto(sink: Writable, from: Socket): void {
    this.#sink = sink
    sink.on("drain", () => from.resume())
    from.once("end", () => sink.end())
    const early = this.#early
    this.#early = undefined
    const isRoomLeft = early === undefined || sink.write(early)
    if (from.readableEnded) sink.end()
    else if (isRoomLeft) from.resume()
  }

  #memory(): Buffer {
    // Pages that are never written to cost nothing, so that a tunnel for little takes little.
    if (this.#buffer === undefined || this.#isBusy) this.#buffer = Buffer.allocUnsafeSlow(bufferBytes)
    this.#isBusy = false
    return this.#buffer
  }

  /** False stops reading. */
  #read(bytes: Uint8Array): boolean {
    const sink = this.#sink
    if (sink === undefined) {
      this.#early = Uint8Array.from(bytes)
      return false
    }
    if (!sink.writable) return false
    // Streams that change bytes keep them for longer than they say.
    if (!(sink instanceof Socket)) return sink.write(Uint8Array.from(bytes))
    const isRoomLeft = sink.write(bytes)
    this.#isBusy = sink.writableLength > 0
    return isRoomLeft
  }
}

const bufferBytes = 256 << 10
