/** What the budget can ask of a cache. */
export interface Evictable {
  readonly bytes: number
  /** Lets go of what was used longest ago. False when there is nothing. */
  evict(): boolean
}

interface Share {
  readonly tenant: string
  readonly cache: WeakRef<Evictable>
  bytes: number
}

/**
 * The bytes that all caches of a process hold together. When there are too many, the tenant that holds most gives up what it used longest ago, so
 * that nobody can push others out. Caches of workers that nobody holds any more go with them.
 */
export class CacheBudget {
  readonly #maxBytes: number
  readonly #shares = new Set<Share>()
  readonly #gone = new FinalizationRegistry<Share>((share) => this.#remove(share))
  readonly #byCache = new WeakMap<Evictable, Share>()
  #bytes = 0

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes
  }

  get bytes(): number {
    return this.#bytes
  }

  /** Tells that `cache` holds another number of bytes now, and makes room when there are too many. */
  update(cache: Evictable, tenant: string): void {
    const share = this.#byCache.get(cache) ?? this.#add(cache, tenant)
    this.#bytes += cache.bytes - share.bytes
    share.bytes = cache.bytes
    while (this.#bytes > this.#maxBytes && this.#evictLargest());
  }

  #add(cache: Evictable, tenant: string): Share {
    const share = { tenant, cache: new WeakRef(cache), bytes: 0 }
    this.#shares.add(share)
    this.#byCache.set(cache, share)
    this.#gone.register(cache, share)
    return share
  }

  #remove(share: Share): void {
    this.#bytes -= share.bytes
    this.#shares.delete(share)
  }

  #evictLargest(): boolean {
    const tenant = largestTenant(this.#shares)
    let largest: Share | undefined
    for (const share of this.#shares)
      if (share.tenant === tenant && share.bytes > (largest?.bytes ?? 0)) largest = share
    const cache = largest?.cache.deref()
    if (largest === undefined) return false
    if (cache === undefined) {
      this.#remove(largest)
      return true
    }
    if (!cache.evict()) return false
    this.#bytes += cache.bytes - largest.bytes
    largest.bytes = cache.bytes
    return true
  }
}

function largestTenant(shares: Iterable<Share>): string | undefined {
  const bytes = new Map<string, number>()
  let largest: string | undefined
  for (const share of shares) {
    const sum = (bytes.get(share.tenant) ?? 0) + share.bytes
    bytes.set(share.tenant, sum)
    if (largest === undefined || sum > (bytes.get(largest) ?? 0)) largest = share.tenant
  }
  return largest
}
