import { MayflyError } from "@mayfly/protocol"
import type { CacheRequest, HeaderList } from "./cacheability.ts"
import type { WorkerCache } from "./worker-cache.ts"

/** The number by which guests call it, see guest/web/cache.ts. */
export const cacheTarget = -1

const maxNameLength = 1_024
const maxUrlLength = 16_384
const maxHeaderCharacters = 64 << 10
/** Up to here a body goes along; larger ones are read as streams. */
const maxInlineBytes = 64 << 10

/** What a guest may ask of its worker's cache. All arguments come from the guest. */
export class CacheService {
  readonly #cache: WorkerCache
  readonly #countRequest: () => void

  /** `countRequest` throws when the run may make no further request. */
  constructor(cache: WorkerCache, countRequest: () => void) {
    this.#cache = cache
    this.#countRequest = countRequest
  }

  match(cache: unknown, request: unknown): unknown {
    this.#countRequest()
    const found = this.#cache.match(nameOf(cache), requestOf(request))
    if (found === undefined) return null
    return found.body.byteLength <= maxInlineBytes ? found : { ...found, body: streamOf(found.body) }
  }

  async put(cache: unknown, request: unknown, response: unknown): Promise<void> {
    this.#countRequest()
    const { status, statusText, headers, body } = fieldsOf(response)
    if (typeof status !== "number" || !isBody(body)) throw invalid("the response can't be read")
    const text = typeof statusText === "string" ? statusText.slice(0, 200) : ""
    const given = { status, statusText: text, headers: headersOf(headers), body }
    await this.#cache.put(nameOf(cache), requestOf(request), given)
  }

  delete(cache: unknown, request: unknown): boolean {
    this.#countRequest()
    return this.#cache.delete(nameOf(cache), requestOf(request).url)
  }
}

function nameOf(value: unknown): string {
  if (typeof value !== "string" || value.length > maxNameLength) throw invalid("the name of a cache is too long")
  return value
}

function requestOf(value: unknown): CacheRequest {
  const { url, headers } = fieldsOf(value)
  if (typeof url !== "string" || url.length > maxUrlLength || !/^https?:\/\//.test(url))
    throw invalid("only http: and https: addresses of at most 16384 characters can be cached")
  return { url, headers: headersOf(headers) }
}

function headersOf(value: unknown): HeaderList {
  if (!Array.isArray(value)) throw invalid("the headers can't be read")
  let characters = 0
  const headers = value.map((pair: unknown): readonly [string, string] => {
    const [name, text] = Array.isArray(pair) ? (pair as unknown[]) : []
    if (typeof name !== "string" || typeof text !== "string") throw invalid("a header can't be read")
    characters += name.length + text.length
    return [name, text]
  })
  if (characters > maxHeaderCharacters) throw invalid("the headers are larger than 64 KiB")
  return headers
}

function isBody(value: unknown): value is Uint8Array | ReadableStream<Uint8Array> | null {
  return value === null || value instanceof Uint8Array || value instanceof ReadableStream
}

function fieldsOf(value: unknown): Record<string, unknown> {
  return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : {}
}

function streamOf(bytes: Uint8Array): ReadableStream<Uint8Array> {
  let at = 0
  return new ReadableStream({
    pull(controller) {
      controller.enqueue(bytes.slice(at, at + maxInlineBytes))
      at += maxInlineBytes
      if (at >= bytes.byteLength) controller.close()
    },
  })
}

function invalid(message: string): MayflyError {
  return new MayflyError("input.invalid", message)
}
