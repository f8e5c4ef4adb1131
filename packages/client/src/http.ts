import { boundedText, errorFromJson, MayflyError } from "@mayfly/protocol"
import { chunksOf } from "./chunks-of.ts"
import { pause, retryDelayMs } from "./retry.ts"

export interface HttpOptions {
  readonly url: string
  readonly key?: string
  readonly tenant?: string
  readonly maxRetries: number
  readonly fetch: typeof fetch
}

export interface Call {
  readonly query?: Readonly<Record<string, string | number | boolean | undefined>>
  /** Sent as JSON. */
  readonly json?: unknown
  readonly body?: string | Uint8Array<ArrayBuffer> | ReadableStream<Uint8Array>
  readonly accept?: string
  readonly contentType?: string
  readonly signal?: AbortSignal | undefined
  /** False for what must not be sent twice. Default true: changes carry an Idempotency-Key. */
  readonly retry?: boolean
}

type Method = "GET" | "POST" | "PUT" | "PATCH" | "DELETE"

/** Requests to one server: key, tenant, retries, errors. */
export class Http {
  readonly url: URL
  readonly #options: HttpOptions

  constructor(options: HttpOptions) {
    this.#options = options
    this.url = parseUrl(options.url)
  }

  get key(): string | undefined {
    return this.#options.key
  }

  get tenant(): string | undefined {
    return this.#options.tenant
  }

  /** The same server for another tenant. */
  forTenant(tenant: string): Http {
    return new Http({ ...this.#options, tenant })
  }

  /** The JSON of the answer: an object, or undefined when there is none. An answer that breaks off is asked for again. */
  async json<T extends object>(method: Method, path: string, call: Call = {}): Promise<T> {
    return this.#retrying(this.at(path, call.query), method, call, async (response) => {
      if (response.status === 204) return undefined as unknown as T
      return objectOf(await this.#text(response, call.signal)) as T
    })
  }

  /** One page of a list: its entries, and the cursor of the next one. */
  async page<T>(path: string, name: string, call: Call = {}): Promise<{ entries: T[]; cursor: string | undefined }> {
    const answer = await this.json<Record<string, unknown>>("GET", path, call)
    const entries: unknown = answer[name]
    if (!Array.isArray(entries) || !entries.every(isObject)) throw notMayfly(`its answer has no list of ${name}`)
    const cursor: unknown = answer["cursor"]
    return { entries: entries as T[], cursor: typeof cursor === "string" ? cursor : undefined }
  }

  /** All pages of a list. */
  async all<T>(path: string, name: string, call: Call = {}): Promise<T[]> {
    const all: T[] = []
    let cursor: string | undefined
    for (let pages = 0; pages < maxPages; pages++) {
      const page = await this.page<T>(path, name, { ...call, query: { limit: 1_000, ...call.query, cursor } })
      for (const entry of page.entries) all.push(entry)
      if (page.cursor === undefined) return all
      if (page.cursor === cursor) break
      cursor = page.cursor
    }
    throw notMayfly("its list has no end")
  }

  /** The answer, its body unread. Rejects with the server's coded error, `client.unreachable` or `client.not-mayfly`. */
  async send(method: Method, path: string, call: Call = {}): Promise<Response> {
    return this.sendTo(this.at(path, call.query), method, call)
  }

  /** The same for a whole URL of this server. */
  async sendTo(url: URL, method: Method, call: Call = {}): Promise<Response> {
    return this.#retrying(url, method, call, async (response) => response)
  }

  /** Passes a request on to a path, once. Gives whatever is answered; redirects are followed by nobody, for the key would go along. */
  async pass(path: string, request: Request): Promise<Response> {
    const headers = new Headers(request.headers)
    if (this.#options.key !== undefined) headers.set("authorization", `Bearer ${this.#options.key}`)
    if (this.#options.tenant !== undefined) headers.set("x-mayfly-tenant", this.#options.tenant)
    const { method, body, signal } = request
    const given = body === null ? {} : { body, duplex: "half" as const }
    try {
      return await this.#options.fetch(this.#url(path), { method, headers, signal, redirect: "manual", ...given })
    } catch (cause) {
      throw this.#broken(cause, signal)
    }
  }

  async #retrying<T>(url: URL, method: Method, call: Call, read: (response: Response) => Promise<T>): Promise<T> {
    const request = this.#request(url, method, call)
    const isStream = call.body instanceof ReadableStream
    const most = call.retry === false || isStream ? 0 : this.#options.maxRetries
    for (let attempt = 0; ;) {
      try {
        return await read(await this.#attempt(request, call.signal))
      } catch (error) {
        if (!(error instanceof MayflyError) || !error.retry) throw error
        // What was sent before is still at work there, and its answer will come: that is no failure.
        const isAtWork = attempt > 0 && error.code === "input.idempotency-conflict"
        if (!isAtWork && attempt >= most) throw error
        await pause(retryDelayMs(attempt, error), call.signal)
        if (!isAtWork) attempt++
      }
    }
  }

  /** Where a path is, with the tenant. */
  at(path: string, query: Call["query"] = {}): URL {
    const url = this.#url(path)
    const all = { tenant: this.#options.tenant, ...query }
    for (const [name, value] of Object.entries(all)) if (value !== undefined) url.searchParams.set(name, String(value))
    return url
  }

  #url(path: string): URL {
    return new URL(`${this.url.pathname.replace(/\/$/, "")}${path}`, this.url)
  }

  #request(url: URL, method: Method, call: Call): { url: URL; init: RequestInit } {
    const headers = new Headers()
    if (this.#options.key !== undefined) headers.set("authorization", `Bearer ${this.#options.key}`)
    if (call.accept !== undefined) headers.set("accept", call.accept)
    if (method === "POST" && call.retry !== false) headers.set("idempotency-key", crypto.randomUUID())
    const body = call.json === undefined ? call.body : JSON.stringify(call.json)
    const type = call.json === undefined ? call.contentType : "application/json"
    if (type !== undefined) headers.set("content-type", type)
    // Required for streams, and unknown to the types of browsers.
    const stream: { duplex?: "half" } = body instanceof ReadableStream ? { duplex: "half" } : {}
    // Redirects are followed by nobody: the key would go along.
    const init: RequestInit = { method, headers, redirect: "error", ...(body === undefined ? {} : { body }), ...stream }
    return { url, init }
  }

  async #attempt({ url, init }: { url: URL; init: RequestInit }, signal?: AbortSignal): Promise<Response> {
    let response: Response
    try {
      response = await this.#options.fetch(url, signal === undefined ? init : { ...init, signal })
    } catch (cause) {
      throw this.#broken(cause, signal)
    }
    if (response.ok) return response
    throw await this.#error(response, signal)
  }

  async #text(response: Response, signal: AbortSignal | undefined): Promise<string> {
    try {
      return await boundedText(chunksOf(response.body))
    } catch (cause) {
      if (cause instanceof MayflyError) throw cause
      throw this.#broken(cause, signal)
    }
  }

  /** Throws the signal's reason when it was aborted. */
  #broken(cause: unknown, signal: AbortSignal | undefined): MayflyError {
    signal?.throwIfAborted()
    return new MayflyError("client.unreachable", `${this.url.origin} can't be reached`, { cause })
  }

  async #error(response: Response, signal: AbortSignal | undefined): Promise<MayflyError> {
    const error = errorFromJson(parsed(await this.#text(response, signal))?.["error"])
    if (error === undefined) {
      const isGateway = response.status === 502 || response.status === 503 || response.status === 504
      const code = isGateway ? "client.unreachable" : "client.not-mayfly"
      return new MayflyError(code, `${this.url.origin} answered ${response.status} ${response.statusText}`)
    }
    const after = Number(response.headers.get("retry-after"))
    if (!(after > 0) || error.details["retryAfterMs"] !== undefined) return error
    const { code, message, retry, fix, details } = error
    return new MayflyError(code, message, { retry, fix, details: { ...details, retryAfterMs: after * 1_000 } })
  }
}

/** Of a thousand entries each. */
const maxPages = 1_000

function objectOf(text: string): object {
  const value = parsed(text)
  if (value === undefined) throw notMayfly("it answered with something that is not a JSON object")
  return value
}

function parsed(text: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const value: unknown = JSON.parse(text)
    return isObject(value) ? value : undefined
  } catch {
    return undefined
  }
}

export function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value)
}

function notMayfly(why: string): MayflyError {
  return new MayflyError("client.not-mayfly", `what answers is no server of Mayfly's: ${why}`)
}

function parseUrl(text: string): URL {
  const url = URL.canParse(text) ? new URL(text) : undefined
  if (url !== undefined && /^https?:$/.test(url.protocol) && url.username === "" && url.password === "") return url
  throw new MayflyError("input.invalid", `url must be an http or https URL without a user, not "${text}"`, {
    details: { path: "url" },
  })
}
