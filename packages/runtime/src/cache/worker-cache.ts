import { MayflyError } from "@mayfly/protocol"
import type CachePolicy from "http-cache-semantics"
import type { CacheBudget, Evictable } from "./cache-budget.ts"
import { cacheable, type CacheRequest, type HeaderList, isFresh } from "./cacheability.ts"
import { cachedAnswer, type CachedResponse } from "./cached-answer.ts"

interface Kept {
  readonly policy: CachePolicy
  readonly response: CachedResponse
  readonly bytes: number
}

export interface CacheLimits {
  readonly maxEntries: number
  readonly maxBytes: number
  readonly maxResponseBytes: number
}

export interface GivenResponse {
  readonly status: number
  readonly statusText: string
  readonly headers: HeaderList
  readonly body: AsyncIterable<Uint8Array> | Uint8Array | null
}

const defaultLimits: CacheLimits = { maxEntries: 1_000, maxBytes: 16 << 20, maxResponseBytes: 8 << 20 }
/** Answers to one URL that differ by Vary headers. */
const maxVariants = 16
const entryOverhead = 512

/** The responses that one worker of one tenant keeps between its runs. In memory, bounded; what was used longest ago goes first. */
export class WorkerCache implements Evictable {
  readonly #tenant: string
  readonly #budget: CacheBudget
  readonly #limits: CacheLimits
  /** By cache and URL, the most recently used last. */
  readonly #entries = new Map<string, Kept[]>()
  #count = 0
  #bytes = 0
  /** Bytes of bodies that are still coming. */
  #incoming = 0

  constructor(tenant: string, budget: CacheBudget, limits: CacheLimits = defaultLimits) {
    this.#tenant = tenant
    this.#budget = budget
    this.#limits = limits
  }

  get bytes(): number {
    return this.#bytes
  }

  match(cache: string, request: CacheRequest): CachedResponse | undefined {
    const key = keyOf(cache, request.url)
    const variants = this.#entries.get(key)
    if (variants === undefined) return undefined
    this.#keep(
      key,
      variants.filter(({ policy }) => !policy.stale()),
    )
    const found = this.#entries.get(key)?.find(({ policy }) => isFresh(policy, request))
    return found && cachedAnswer(found.response, request.headers, found.policy.age())
  }

  /**
   * Keeps the response when its headers permit it; else its body is let go of. Rejects with `worker.cache-limit` when it is too large, and with the
   * body's own error.
   */
  async put(cache: string, request: CacheRequest, given: GivenResponse): Promise<void> {
    const judged = cacheable(request, given)
    if (judged === undefined) return discard(given.body)
    const body = await this.#collect(given.body)
    const response = { status: given.status, statusText: given.statusText, headers: judged.headers, body }
    const bytes = body.byteLength + sizeOf(judged.headers) + 2 * request.url.length + entryOverhead
    const key = keyOf(cache, request.url)
    const others = (this.#entries.get(key) ?? []).filter(({ policy }) => !isFresh(policy, request))
    this.#keep(key, [...others.slice(1 - maxVariants), { policy: judged.policy, response, bytes }])
    while (this.#count > this.#limits.maxEntries || this.#bytes > this.#limits.maxBytes) this.evict()
    this.#budget.update(this, this.#tenant)
  }

  /** Whether there was something. */
  delete(cache: string, url: string): boolean {
    const key = keyOf(cache, url)
    const hadSome = this.#entries.get(key)?.some(({ policy }) => !policy.stale()) ?? false
    this.#keep(key, [])
    this.#budget.update(this, this.#tenant)
    return hadSome
  }

  clear(): void {
    for (const key of this.#entries.keys()) this.#keep(key, [])
    this.#budget.update(this, this.#tenant)
  }

  evict(): boolean {
    const [oldest] = this.#entries.keys()
    if (oldest === undefined) return false
    this.#keep(oldest, [])
    return true
  }

  /** Sets what there is under `key`, as the most recently used. */
  #keep(key: string, variants: readonly Kept[]): void {
    const before = this.#entries.get(key) ?? []
    this.#entries.delete(key)
    this.#count += variants.length - before.length
    this.#bytes += sum(variants) - sum(before)
    if (variants.length > 0) this.#entries.set(key, [...variants])
  }

  async #collect(body: GivenResponse["body"]): Promise<Uint8Array> {
    const { maxResponseBytes, maxBytes } = this.#limits
    const chunks: Uint8Array[] = []
    let bytes = 0
    const take = (chunk: Uint8Array): void => {
      if (!(chunk instanceof Uint8Array)) throw new TypeError("a chunk of the response is not a Uint8Array")
      bytes += chunk.byteLength
      this.#incoming += chunk.byteLength
      if (bytes > maxResponseBytes) throw cacheError(`a response of more than ${maxResponseBytes} bytes is not cached`)
      if (this.#incoming > maxBytes) throw cacheError("too many large responses are put into the cache at once")
      chunks.push(chunk)
    }
    try {
      if (body instanceof Uint8Array) take(body)
      else if (body !== null) for await (const chunk of body) take(chunk)
      return new Uint8Array(Buffer.concat(chunks))
    } finally {
      this.#incoming -= bytes
    }
  }
}

function keyOf(cache: string, url: string): string {
  return `${cache.length}:${cache}${url.split("#", 1)[0] ?? ""}`
}

function sum(variants: readonly Kept[]): number {
  return variants.reduce((total, { bytes }) => total + bytes, 0)
}

function sizeOf(headers: HeaderList): number {
  return headers.reduce((total, [name, value]) => total + 2 * (name.length + value.length), 0)
}

async function discard(body: GivenResponse["body"]): Promise<void> {
  if (body === null || body instanceof Uint8Array) return
  for await (const _ of body) return
}

function cacheError(message: string): MayflyError {
  return new MayflyError("worker.cache-limit", message)
}
