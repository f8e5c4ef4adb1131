import type { StorageCall, StorageCodec } from "./storage-call.ts"

export interface KvListOptions {
  start?: string
  startAfter?: string
  end?: string
  prefix?: string
  reverse?: boolean
  limit?: number
}

/** What one call may carry. */
const maxKeys = 128

/** `ctx.storage.kv`: values by key, at once. Values are structured clones. */
export class SyncKvStorage {
  readonly #call: StorageCall
  readonly #codec: StorageCodec

  constructor(call: StorageCall, codec: StorageCodec) {
    this.#call = call
    this.#codec = codec
  }

  get(key: string): unknown {
    return this.getAll([key]).get(key)
  }

  put(key: string, value: unknown): void {
    this.putAll([[key, value]])
  }

  /** Whether the key was there. */
  delete(key: string): boolean {
    return this.deleteAll([key]) > 0
  }

  *list(options: KvListOptions = {}): IterableIterator<[string, unknown]> {
    const pairs = this.#call("list", [{ ...options }]) as [string, string][]
    for (const [key, text] of pairs) yield [key, this.#codec.decode(text)]
  }

  /** Only the keys that are there, in the order of `keys`. */
  getAll(keys: readonly string[]): Map<string, unknown> {
    const found = new Map<string, unknown>()
    const texts = this.#call("get", [keys]) as (string | null)[]
    texts.forEach((text, index) => {
      if (text !== null) found.set(keys[index] as string, this.#codec.decode(text))
    })
    return found
  }

  putAll(entries: readonly (readonly [string, unknown])[]): void {
    if (entries.length > maxKeys) throw new RangeError(`at most ${maxKeys} keys can be given at once`)
    const pairs = entries.map(([key, value]) => {
      if (value === undefined) throw new TypeError("put() called with undefined value.")
      return [key, this.#codec.encode(value)]
    })
    this.#call("put", [pairs])
  }

  deleteAll(keys: readonly string[]): number {
    return this.#call("delete", [keys]) as number
  }
}
