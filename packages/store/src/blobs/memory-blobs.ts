import { createHash } from "node:crypto"
import { MayflyError } from "@mayfly/protocol"
import type { BlobHash, Blobs, CollectOptions } from "./blobs.ts"
import type { KeptAmong } from "./file-blobs.ts"

const maxBytes = 256 << 20

interface Held {
  readonly bytes: Uint8Array
  readonly since: number
}

/** Blobs of a store in memory: at most 256 MiB together. */
export class MemoryBlobs implements Blobs {
  readonly #keptAmong: KeptAmong
  readonly #held = new Map<BlobHash, Held>()
  #bytes = 0

  constructor(keptAmong: KeptAmong) {
    this.#keptAmong = keptAmong
  }

  async put(given: Uint8Array | AsyncIterable<Uint8Array>): Promise<BlobHash> {
    const bytes = await this.#gather(given)
    const hash = createHash("sha256").update(bytes).digest("hex")
    if (!this.#held.has(hash)) this.#bytes += bytes.length
    this.#held.set(hash, { bytes, since: Date.now() })
    return hash
  }

  async get(hash: BlobHash): Promise<Uint8Array | null> {
    return this.#held.get(hash)?.bytes.slice() ?? null
  }

  async stream(hash: BlobHash): Promise<AsyncIterable<Uint8Array> | null> {
    const bytes = await this.get(hash)
    return bytes === null ? null : onePiece(bytes)
  }

  async collect({ graceMs = 3_600_000 }: CollectOptions = {}): Promise<number> {
    const before = Date.now() - graceMs
    const kept = await this.#keptAmong([...this.#held.keys()])
    let collected = 0
    for (const [hash, { bytes, since }] of this.#held) {
      if (kept.has(hash) || since >= before) continue
      this.#held.delete(hash)
      this.#bytes -= bytes.length
      collected += 1
    }
    return collected
  }

  async #gather(given: Uint8Array | AsyncIterable<Uint8Array>): Promise<Uint8Array> {
    const pieces: Uint8Array[] = []
    let length = 0
    for await (const piece of given instanceof Uint8Array ? [given] : given) {
      length += piece.length
      if (this.#bytes + length > maxBytes) {
        throw new MayflyError("store.full", `blobs in memory may have ${maxBytes} bytes together`)
      }
      pieces.push(piece.slice())
    }
    return Buffer.concat(pieces)
  }
}

async function* onePiece(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes
}
