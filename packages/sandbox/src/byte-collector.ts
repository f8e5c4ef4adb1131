/** Bytes put together in one buffer that doubles: a guest that writes byte by byte must not cost an object for each. */
export class ByteCollector {
  readonly #maxBytes: number
  #bytes = Buffer.alloc(0)
  #length = 0
  #isCut = false

  /** What comes past `maxBytes` is thrown away. */
  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes
  }

  get isCut(): boolean {
    return this.#isCut
  }

  append(chunk: Uint8Array): void {
    const room = this.#maxBytes - this.#length
    if (chunk.length > room) this.#isCut = true
    const taken = chunk.subarray(0, room)
    const needed = this.#length + taken.length
    if (needed > this.#bytes.length) {
      const larger = Buffer.allocUnsafeSlow(Math.min(this.#maxBytes, Math.max(4_096, needed, this.#bytes.length * 2)))
      larger.set(this.#bytes.subarray(0, this.#length))
      this.#bytes = larger
    }
    this.#bytes.set(taken, this.#length)
    this.#length = needed
  }

  /** What was kept. It is not copied: collect no more afterwards. */
  bytes(): Uint8Array {
    return new Uint8Array(this.#bytes.buffer, this.#bytes.byteOffset, this.#length)
  }
}
