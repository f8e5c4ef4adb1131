import { MayflyError } from "@mayfly/protocol"
import { errorFromJson } from "./api-error.ts"
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

  async json<T>(method: Method, path: string, call: Call = {}): Promise<T> {
    const response = await this.send(method, path, call)
    if (response.status === 204) return undefined as T
    try {
      return (await response.json()) as T
    } catch (cause) {
      call.signal?.throwIfAborted()
      throw new MayflyError("client.not-mayfly", `${this.url.origin} answered with something that is not JSON`, {
        cause,
      })
    }
  }

  /** The answer, its body unread. Rejects with the server's coded error, `client.unreachable` or `client.not-mayfly`. */
  async send(method: Method, path: string, call: Call = {}): Promise<Response> {
    return this.sendTo(this.at(path, call.query), method, call)
  }

  /** The same for a whole URL of this server. */
  async sendTo(url: URL, method: Method, call: Call = {}): Promise<Response> {
    const request = this.#request(url, method, call)
    const isStream = call.body instanceof ReadableStream
    const most = call.retry === false || isStream ? 0 : this.#options.maxRetries
    for (let attempt = 0; ; attempt++) {
      const outcome = await this.#attempt(request, call.signal)
      if (outcome instanceof Response) return outcome
      if (!outcome.retry || attempt >= most) throw outcome
      await pause(retryDelayMs(attempt, outcome), call.signal)
    }
  }

  /** Where a path is, with the tenant. */
  at(path: string, query: Call["query"] = {}): URL {
    const url = new URL(`${this.url.pathname.replace(/\/$/, "")}${path}`, this.url)
    const all = { tenant: this.#options.tenant, ...query }
    for (const [name, value] of Object.entries(all)) if (value !== undefined) url.searchParams.set(name, String(value))
    return url
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

  async #attempt(
    { url, init }: { url: URL; init: RequestInit },
    signal?: AbortSignal,
  ): Promise<Response | MayflyError> {
    let response: Response
    try {
      response = await this.#options.fetch(url, signal === undefined ? init : { ...init, signal })
    } catch (cause) {
      signal?.throwIfAborted()
      return new MayflyError("client.unreachable", `${this.url.origin} can't be reached`, { cause })
    }
    if (response.ok) return response
    return this.#error(response)
  }

  async #error(response: Response): Promise<MayflyError> {
    const body: unknown = await response.json().catch(() => undefined)
    const error = errorFromJson((body as { error?: unknown } | undefined)?.error)
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

function parseUrl(text: string): URL {
  const url = URL.canParse(text) ? new URL(text) : undefined
  if (url !== undefined && /^https?:$/.test(url.protocol) && url.username === "" && url.password === "") return url
  throw new MayflyError("input.invalid", `url must be an http or https URL without a user, not "${text}"`, {
    details: { path: "url" },
  })
}
