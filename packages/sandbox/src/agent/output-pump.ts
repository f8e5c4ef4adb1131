import { readSync } from "node:fs"
import { Socket } from "node:net"
import type { Writable } from "node:stream"

/** A pipe may hold a megabyte. */
const maxRest = 1 << 20

/**
 * Reads what processes write into a pipe and carries it to the sink of the moment, no faster than it is taken there. Without a sink it reads on
 * and throws away: what a command left in the background must neither hold up the command's end, nor die because nobody reads.
 */
export class OutputSwitch {
  readonly #fd: number
  readonly #socket: Socket
  #sink: Writable | undefined
  onEnd: () => void = () => {}

  constructor(fd: number, sink?: Writable) {
    this.#fd = fd
    this.#sink = sink
    this.#socket = new Socket({ fd, readable: true, writable: false })
    this.#socket.on("error", () => {})
    this.#socket.on("data", (chunk: Buffer) => this.#pass(chunk))
    this.#socket.on("close", () => this.onEnd())
  }

  /** What is in the pipe now still goes to the sink so far. */
  direct(sink: Writable | undefined): void {
    this.#socket.pause()
    // Reading by hand emits the data as well.
    while (this.#socket.readableLength > 0) this.#socket.read()
    this.#readRest()
    this.#sink = sink
    this.#socket.resume()
  }

  #readRest(): void {
    const chunk = Buffer.allocUnsafe(65_536)
    for (let total = 0; total < maxRest && !this.#socket.destroyed;) {
      const count = readNow(this.#fd, chunk)
      if (count === 0) return
      this.#write(Buffer.from(chunk.subarray(0, count)))
      total += count
    }
  }

  #write(chunk: Buffer): boolean {
    const sink = this.#sink
    return sink === undefined || sink.destroyed || sink.writableEnded || sink.write(chunk)
  }

  #pass(chunk: Buffer): void {
    const sink = this.#sink
    if (this.#write(chunk) || sink === undefined) return
    this.#socket.pause()
    const resume = (): void => {
      sink.off("drain", resume).off("close", resume)
      this.#socket.resume()
    }
    sink.on("drain", resume).on("close", resume)
  }
}

/** The output of one command. */
export class OutputPump {
  readonly #source: OutputSwitch
  readonly #sink: Writable

  constructor(fd: number, sink: Writable) {
    this.#sink = sink
    this.#source = new OutputSwitch(fd, sink)
    this.#source.onEnd = () => this.#endSink()
  }

  /** Passes on what is in the pipe now, and ends the output. Resolves when all of it has been taken. */
  async drain(): Promise<void> {
    this.#source.direct(undefined)
    this.#endSink()
    if (this.#sink.destroyed || this.#sink.writableFinished) return
    await new Promise<void>((resolve) => this.#sink.once("close", resolve).once("finish", resolve))
  }

  #endSink(): void {
    if (!this.#sink.writableEnded) this.#sink.end()
  }
}

/** 0 at the end, and when nothing is there yet. */
function readNow(fd: number, into: Buffer): number {
  try {
    return readSync(fd, into)
  } catch {
    return 0
  }
}
