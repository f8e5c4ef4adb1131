import type { Lookup } from "./resolve-addresses.ts"

/** Keeps answers of name servers for a short time, each for one asker only. What comes out is checked like a fresh answer. */
export class RecentAnswers {
  readonly #answers = new Map<string, { readonly addresses: readonly string[]; readonly at: number }>()
  readonly #maxAgeMs: number
  readonly #lookup: Lookup

  constructor(lookup: Lookup, maxAgeMs: number) {
    this.#lookup = lookup
    this.#maxAgeMs = maxAgeMs
  }

  /** A lookup for `asker`, which is whoever must not see what another one's questions were answered. */
  for(asker: string): Lookup {
    return async (name) => {
      const key = `${asker}\n${name}`
      const known = this.#answers.get(key)
      if (known !== undefined && performance.now() - known.at < this.#maxAgeMs) return known.addresses
      const addresses = await this.#lookup(name)
      this.#keep(key, addresses)
      return addresses
    }
  }

  #keep(key: string, addresses: readonly string[]): void {
    this.#answers.delete(key)
    if (this.#maxAgeMs <= 0) return
    this.#answers.set(key, { addresses, at: performance.now() })
    if (this.#answers.size <= maxAnswers) return
    for (const oldest of this.#answers.keys()) {
      this.#answers.delete(oldest)
      return
    }
  }
}

const maxAnswers = 10_000
