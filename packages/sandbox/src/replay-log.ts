/** A piece of output. */
export interface OutputChunk {
  readonly stream: "stdout" | "stderr"
  readonly data: Uint8Array
}

/** Keeps the last bytes of an output. Any number of readers follow it, each at its own pace; one that is too slow skips what was let go. */
export class ReplayLog {
  readonly #maxBytes: number
  #chunks: OutputChunk[] = []
  /** The number of the first chunk that is kept. */
  #first = 0
  #bytes = 0
  #droppedBytes = 0
  #hasEnded = false
  #wake = Promise.withResolvers<void>()

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes
  }

  /** Bytes at the beginning that are no longer kept. */
  get droppedBytes(): number {
    return this.#droppedBytes
  }

  append(chunk: OutputChunk): void {
    this.#chunks.push(chunk)
    this.#bytes += chunk.data.length
    while (this.#bytes > this.#maxBytes && this.#chunks.length > 1) {
      const dropped = this.#chunks.shift()?.data.length ?? 0
      this.#bytes -= dropped
      this.#droppedBytes += dropped
      this.#first++
    }
    this.#notify()
  }

  end(): void {
    this.#hasEnded = true
    this.#notify()
  }

  /** What is kept now. */
  kept(): readonly OutputChunk[] {
    return [...this.#chunks]
  }

  /** `replay`: begins with what is kept. Ends with the output, or when the signal aborts. */
  async *follow({
    replay,
    signal,
  }: {
    replay: boolean
    signal?: AbortSignal | undefined
  }): AsyncGenerator<OutputChunk, void, void> {
    let next = replay ? this.#first : this.#first + this.#chunks.length
    const aborted = Promise.withResolvers<void>()
    const onAbort = (): void => aborted.resolve()
    signal?.addEventListener("abort", onAbort, { once: true })
    try {
      while (signal?.aborted !== true) {
        next = Math.max(next, this.#first)
        const chunk = this.#chunks[next - this.#first]
        if (chunk !== undefined) {
          next++
          yield chunk
        } else if (this.#hasEnded) return
        else await Promise.race([this.#wake.promise, aborted.promise])
      }
    } finally {
      signal?.removeEventListener("abort", onAbort)
    }
  }

  #notify(): void {
    const { resolve } = this.#wake
    this.#wake = Promise.withResolvers<void>()
    resolve()
  }
}
