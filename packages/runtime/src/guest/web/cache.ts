import type { bodyHeaders, takeContent } from "./body.ts"
import type { contentBytes } from "./body-content.ts"
import type { headerPairs } from "./headers.ts"
import { loadStreams, type StreamController } from "./guest-streams.ts"
import { installedKernel } from "./installed-kernel.ts"
import type { FetchedResponse, Response } from "./response.ts"

/** See cache/cache-service.ts. */
const cacheTarget = -1

interface RequestLike {
  readonly url: string
  readonly method: string
}

/** What the fetch chunk gives for the cache: its own classes, and what only they can do. */
export interface CacheParts {
  readonly Request: new (input: unknown) => RequestLike
  readonly Response: new () => Response
  readonly responseFromFetch: (answer: FetchedResponse) => Response
  readonly bodyHeaders: typeof bodyHeaders
  readonly takeContent: typeof takeContent
  readonly contentBytes: typeof contentBytes
  readonly headerPairs: typeof headerPairs
}

let isConstructible = false

/** https://developers.cloudflare.com/workers/runtime-apis/cache/: the responses that this worker has put, kept in the supervisor. */
export class Cache {
  readonly #name: string

  constructor(name: string) {
    if (!isConstructible) throw new TypeError("Illegal constructor")
    this.#name = name
  }

  async match(request: unknown, options: unknown = {}): Promise<Response | undefined> {
    const asked = requestOf(request)
    if (!isAnswerable(asked, options)) return undefined
    const found = await call("match", [this.#name, wireRequest(asked)])
    return found === null
      ? undefined
      : parts().responseFromFetch({ ...(found as FetchedResponse), url: asked.url, redirected: false })
  }

  async put(request: unknown, response: unknown): Promise<void> {
    const asked = requestOf(request)
    const { Response } = parts()
    if (!(response instanceof Response)) throw new TypeError("Cache.put: this is not a Response")
    if (asked.method !== "GET") throw new TypeError("Cannot cache response to non-GET request.")
    if (response.status === 206) throw new TypeError("Cannot cache response to a range request (206 Partial Content).")
    if (response.status === 101) throw new TypeError("Cannot cache WebSocket upgrade response.")
    const headers = parts().bodyHeaders(response)
    const vary = headers.get("vary") ?? ""
    if (vary.split(",").some((name: string) => name.trim() === "*"))
      throw new TypeError("Cannot cache response with 'Vary: *' header.")
    const { status, statusText } = response
    const body = await bodyOf(response)
    await call("put", [
      this.#name,
      wireRequest(asked),
      { status, statusText, headers: parts().headerPairs(headers), body },
    ])
  }

  async delete(request: unknown, options: unknown = {}): Promise<boolean> {
    const asked = requestOf(request)
    if (!isAnswerable(asked, options)) return false
    return (await call("delete", [this.#name, wireRequest(asked)])) === true
  }

  async add(): Promise<never> {
    throw notImplemented("add")
  }

  async addAll(): Promise<never> {
    throw notImplemented("addAll")
  }

  async matchAll(): Promise<never> {
    throw notImplemented("matchAll")
  }

  async keys(): Promise<never> {
    throw notImplemented("keys")
  }

  get [Symbol.toStringTag](): string {
    return "Cache"
  }
}

export class CacheStorage {
  readonly #default: Cache

  constructor() {
    if (!isConstructible) throw new TypeError("Illegal constructor")
    this.#default = new Cache("")
  }

  /** The cache without a name. */
  get default(): Cache {
    return this.#default
  }

  async open(name: unknown): Promise<Cache> {
    const text = `named ${name as string}`
    return making(() => new Cache(text))
  }

  get [Symbol.toStringTag](): string {
    return "CacheStorage"
  }
}

export function makeCaches(): CacheStorage {
  return making(() => new CacheStorage())
}

function making<Made>(make: () => Made): Made {
  isConstructible = true
  try {
    return make()
  } finally {
    isConstructible = false
  }
}

function notImplemented(method: string): Error {
  return new Error(`Failed to execute '${method}' on 'Cache': the method is not implemented.`)
}

function parts(): CacheParts {
  return installedKernel().chunk<{ cacheParts: CacheParts }>("fetch").cacheParts
}

function requestOf(request: unknown): RequestLike {
  const { Request } = parts()
  const asked = request instanceof Request ? request : new Request(request)
  if (!/^https?:/.test(asked.url))
    throw new TypeError("Invalid URL. Cache API keys must be fully-qualified http: or https: URLs.")
  return asked
}

/** Only GET has something in the cache, unless the method is to be ignored. */
function isAnswerable({ method }: RequestLike, options: unknown): boolean {
  return method === "GET" || Boolean((options as { ignoreMethod?: unknown } | null)?.ignoreMethod)
}

function wireRequest(request: RequestLike): object {
  const { bodyHeaders, headerPairs } = parts()
  return { url: request.url, headers: headerPairs(bodyHeaders(request as never)) }
}

async function bodyOf(response: Response): Promise<unknown> {
  const { takeContent, contentBytes } = parts()
  const content = takeContent(response)
  if (content === null) return null
  if (content.kind === "stream") return content.stream
  const bytes = await contentBytes(content)
  return bytes.length <= maxInlineBytes ? bytes : inParts(bytes)
}

/** More than this goes piece by piece, as the supervisor takes it. */
const maxInlineBytes = 64 << 10

function inParts(bytes: Uint8Array): object {
  let at = 0
  const { ReadableStream } = loadStreams()
  const pull = (controller: StreamController): void => {
    controller.enqueue(bytes.subarray(at, at + maxInlineBytes))
    at += maxInlineBytes
    if (at >= bytes.length) controller.close()
  }
  return new ReadableStream({ pull }, { highWaterMark: 0 })
}

async function call(method: string, args: readonly unknown[]): Promise<unknown> {
  const kernel = installedKernel()
  const { answer } = kernel.request("call", `${cacheTarget}\n${method}\n${kernel.encode(args)}`)
  return kernel.decode(await answer)
}
