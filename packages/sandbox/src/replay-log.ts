/** A piece of output. */
export interface OutputChunk {
  readonly stream: "stdout" | "stderr"
  readonly data: Uint8Array
}

/** A piece that a follower gets. */
export interface FollowedChunk extends OutputChunk {
  /** Bytes of output up to its end. */
  readonly position: number
}

export interface FollowOptions {
  /** Begins with what is kept. */
  readonly replay: boolean
  /** Begins behind so many bytes of output in place of that, or as near as what is kept allows. */
  readonly after?: number | undefined
  readonly signal?: AbortSignal | undefined
}

/** Small writes share a block: a guest that writes byte by byte must not cost an object for each. */
interface Block {
  readonly stream: OutputChunk["stream"]
  /** Bytes of output before it. */
  readonly start: number
  readonly bytes: Buffer
  length: number
}

const blockBytes = 4_096

/** Keeps the last bytes of an output. Any number of readers follow it, each at its own pace; one that is too slow skips what was let go. */
export class ReplayLog {
  readonly #maxBytes: number
  #blocks: Block[] = []
  /** The number of the first block that is kept. */
  #first = 0
  /** Room that blocks take, filled or not. */
  #bytes = 0
  #droppedBytes = 0
  /** Of all output. */
  #length = 0
  #hasEnded = false
  #wake = Promise.withResolvers<void>()

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes
  }

  /** Bytes at the beginning that are no longer kept. */
  get droppedBytes(): number {
    return this.#droppedBytes
  }

  append({ stream, data }: OutputChunk): void {
    const last = this.#blocks.at(-1)
    if (last?.stream === stream && last.bytes.length - last.length >= data.length) {
      last.bytes.set(data, last.length)
      last.length += data.length
    } else this.#addBlock(stream, data)
    this.#length += data.length
    this.#notify()
  }

  end(): void {
    this.#hasEnded = true
    this.#notify()
  }

  /** What is kept now. */
  kept(): readonly OutputChunk[] {
    return this.#blocks.map(({ stream, bytes, length }) => ({ stream, data: bytes.subarray(0, length) }))
  }

  /** Ends with the output, or when the signal aborts. */
  async *follow({ replay, after, signal }: FollowOptions): AsyncGenerator<FollowedChunk, void, void> {
    let [next, offset] = this.#placeOf(after ?? (replay ? 0 : this.#length))
    const aborted = Promise.withResolvers<void>()
    const onAbort = (): void => aborted.resolve()
    signal?.addEventListener("abort", onAbort, { once: true })
    try {
      while (signal?.aborted !== true) {
        if (next < this.#first) [next, offset] = [this.#first, 0]
        const block = this.#blocks[next - this.#first]
        if (block !== undefined && offset < block.length) {
          const data = block.bytes.subarray(offset, block.length)
          offset = block.length
          yield { stream: block.stream, data, position: block.start + offset }
        } else if (next < this.#first + this.#blocks.length - 1) [next, offset] = [next + 1, 0]
        else if (this.#hasEnded) return
        else await Promise.race([this.#wake.promise, aborted.promise])
      }
    } finally {
      signal?.removeEventListener("abort", onAbort)
    }
  }

  /** The number of the block with the byte behind so many, and how far it stands in there. */
  #placeOf(position: number): [block: number, offset: number] {
    const behind = this.#blocks.findIndex(({ start, length }) => start + length > position)
    const at = behind === -1 ? Math.max(0, this.#blocks.length - 1) : behind
    const { start = 0, length = 0 } = this.#blocks[at] ?? {}
    return [this.#first + at, Math.min(Math.max(0, position - start), length)]
  }

  #addBlock(stream: OutputChunk["stream"], data: Uint8Array): void {
    const bytes = Buffer.allocUnsafeSlow(Math.max(blockBytes, data.length))
    bytes.set(data)
    this.#blocks.push({ stream, start: this.#length, bytes, length: data.length })
    this.#bytes += bytes.length
    while (this.#bytes > this.#maxBytes && this.#blocks.length > 1) {
      const dropped = this.#blocks.shift()
      this.#bytes -= dropped?.bytes.length ?? 0
      this.#droppedBytes += dropped?.length ?? 0
      this.#first++
    }
  }

  #notify(): void {
    const { resolve } = this.#wake
    this.#wake = Promise.withResolvers<void>()
    resolve()
  }
}
