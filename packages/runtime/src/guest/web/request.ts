import { Body, bodyHeaders, hasBody, shareContent, takeContent } from "./body.ts"
import { type BodyContent, extractBody, ownedBytes } from "./body-content.ts"
import { type GuestReadableStream, hasTag, loadStreams } from "./guest-streams.ts"
import { Headers, type HeaderPair } from "./headers.ts"
import { parseUrl } from "./parse-url.ts"

/** A request as the driver hands it to the program. The bytes are owned by the Request. */
export interface WireRequest {
  readonly url: string
  readonly method: string
  readonly headers: readonly HeaderPair[]
  readonly body: Uint8Array<ArrayBuffer> | GuestReadableStream | null
}

interface RequestFields {
  readonly url: string
  readonly method: string
  readonly options: RequestOptions
  /** The signal that the request follows. Its own is made when somebody asks for it. */
  readonly follows: AbortSignal | null
}

interface RequestParts {
  readonly fields: RequestFields
  readonly headers: Headers
  readonly content: BodyContent | null
}

type RequestOptions = Readonly<Record<OptionName, string>> & { readonly keepalive: boolean }
type OptionName = "redirect" | "cache" | "credentials" | "mode" | "referrer" | "referrerPolicy" | "integrity"
type RequestInit = Readonly<Record<string, unknown>>

const token = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/
const normalizedMethod = /^(?:delete|get|head|options|post|put)$/i
const forbiddenMethod = /^(?:connect|trace|track)$/i
const Signal = AbortSignal

const allowedOptions: ReadonlyMap<string, readonly string[]> = new Map([
  ["redirect", ["follow", "error", "manual"]],
  ["cache", ["default", "no-store", "reload", "no-cache", "force-cache", "only-if-cached"]],
  ["credentials", ["same-origin", "omit", "include"]],
  ["mode", ["cors", "no-cors", "same-origin", "navigate"]],
])

const defaultOptions: RequestOptions = {
  redirect: "follow",
  cache: "default",
  credentials: "same-origin",
  mode: "cors",
  referrer: "about:client",
  referrerPolicy: "",
  integrity: "",
  keepalive: false,
}

/** Made by us, never by the guest, who cannot reach this class: the constructor takes its parts as they are. */
class Prepared {
  static read(value: unknown): RequestParts | null {
    return typeof value === "object" && value !== null && #parts in value ? value.#parts : null
  }

  #parts: RequestParts

  constructor(parts: RequestParts) {
    this.#parts = parts
  }
}

/** Null when `value` is not a Request. */
let fieldsOf: (value: unknown) => RequestFields | null
/** The signal that aborts the request, or null when nothing can. */
export let followedSignal: (request: Request) => AbortSignal | null

/** https://fetch.spec.whatwg.org/#request-class */
export class Request extends Body {
  static {
    fieldsOf = (value) => (typeof value === "object" && value !== null && #fields in value ? value.#fields : null)
    followedSignal = (request) => request.#signal ?? request.#fields.follows
  }

  #fields: RequestFields
  #signal: AbortSignal | null = null

  constructor(input: unknown, init: unknown = {}) {
    const { fields, headers, content } = Prepared.read(input) ?? prepare(input, init)
    super(headers, content)
    this.#fields = fields
  }

  get url(): string {
    return this.#fields.url
  }

  get method(): string {
    return this.#fields.method
  }

  get signal(): AbortSignal {
    const { follows } = this.#fields
    return (this.#signal ??= Signal.any(follows === null ? [] : [follows]))
  }

  get redirect(): string {
    return this.#fields.options.redirect
  }

  get cache(): string {
    return this.#fields.options.cache
  }

  get credentials(): string {
    return this.#fields.options.credentials
  }

  get mode(): string {
    return this.#fields.options.mode
  }

  get referrer(): string {
    return this.#fields.options.referrer
  }

  get referrerPolicy(): string {
    return this.#fields.options.referrerPolicy
  }

  get integrity(): string {
    return this.#fields.options.integrity
  }

  get keepalive(): boolean {
    return this.#fields.options.keepalive
  }

  get destination(): string {
    return ""
  }

  get duplex(): string {
    return "half"
  }

  clone(): Request {
    const content = shareContent(this)
    const fields = { ...this.#fields, follows: this.signal }
    return new Request(new Prepared({ fields, headers: new Headers(bodyHeaders(this)), content }))
  }

  get [Symbol.toStringTag](): string {
    return "Request"
  }
}

/** The Request that the program's fetch handler gets. The URL is trusted to be serialized already. `signal` is asked when the program asks. */
export function requestFromWire(
  { url, method, headers, body }: WireRequest,
  signal: (() => AbortSignal) | null = null,
): Request {
  const fields = {
    url,
    method,
    options: defaultOptions,
    get follows() {
      return signal === null ? null : signal()
    },
  }
  const content =
    body === null ? null : body instanceof Uint8Array ? ownedBytes(body) : ({ kind: "stream", stream: body } as const)
  return new Request(new Prepared({ fields, headers: new Headers(headers), content }))
}

function prepare(input: unknown, init: unknown): RequestParts {
  const options = dictionaryOf(init)
  const base = fieldsOf(input)
  const from = base === null ? null : (input as Request)
  const fields: RequestFields = {
    url: base?.url ?? requestUrl(input),
    method: options["method"] === undefined ? (base?.method ?? "GET") : methodOf(options["method"]),
    options: optionsOf(options, base?.options ?? defaultOptions),
    follows: signalOf(options["signal"], from),
  }
  const headers = headersOf(options["headers"], from)
  return { fields, headers, content: contentOf(options, from, { method: fields.method, headers }) }
}

function dictionaryOf(init: unknown): RequestInit {
  if (init === undefined || init === null) return {}
  if (typeof init !== "object" && typeof init !== "function") throw new TypeError("Request: init is not an object")
  return init as RequestInit
}

function requestUrl(input: unknown): string {
  const url = parseUrl(`${input as string}`)
  if (url === null) throw new TypeError(`Failed to parse URL from ${input as string}`)
  if (url.username !== "" || url.password !== "") {
    throw new TypeError("A request cannot be made from a URL that includes credentials")
  }
  return url.href
}

function methodOf(value: unknown): string {
  const method = `${value as string}`
  if (!token.test(method)) throw new TypeError(`"${method}" is not a valid HTTP method`)
  if (forbiddenMethod.test(method)) throw new TypeError(`"${method}" HTTP method is unsupported`)
  return normalizedMethod.test(method) ? method.toUpperCase() : method
}

function optionsOf(init: RequestInit, base: RequestOptions): RequestOptions {
  const options: Record<string, unknown> = { ...base }
  for (const name of Object.keys(defaultOptions)) {
    const value = init[name]
    if (value === undefined) continue
    if (name === "keepalive") options[name] = Boolean(value)
    else options[name] = optionValue(name, `${value as string}`)
  }
  return options as unknown as RequestOptions
}

function optionValue(name: string, value: string): string {
  const allowed = allowedOptions.get(name)
  if (allowed !== undefined && !allowed.includes(value)) {
    throw new TypeError(`Request: "${value}" is not one of ${allowed.join(", ")} for ${name}`)
  }
  if (name === "mode" && value === "navigate") throw new TypeError('Request: mode cannot be "navigate"')
  return value
}

function signalOf(value: unknown, from: Request | null): AbortSignal | null {
  if (value === undefined) return from === null ? null : followedSignal(from)
  if (value === null) return null
  if (!(value instanceof Signal)) throw new TypeError("Request: signal is not an AbortSignal")
  return value
}

function headersOf(init: unknown, base: Request | null): Headers {
  if (init !== undefined) return new Headers(init)
  return new Headers(base === null ? undefined : bodyHeaders(base))
}

interface ContentTarget {
  readonly method: string
  readonly headers: Headers
}

function contentOf(options: RequestInit, from: Request | null, { method, headers }: ContentTarget): BodyContent | null {
  const init = options["body"]
  const isGiven = init !== undefined && init !== null
  if ((isGiven || (from !== null && hasBody(from))) && (method === "GET" || method === "HEAD")) {
    throw new TypeError("A request with method GET or HEAD cannot have a body")
  }
  if (!isGiven) return from === null ? null : inheritContent(from)
  if (hasTag(init, "ReadableStream") && options["duplex"] !== "half") {
    throw new TypeError('A request whose body is a stream needs `duplex: "half"`')
  }
  const { content, contentType } = extractBody(init)
  if (contentType !== null && !headers.has("content-type")) headers.set("content-type", contentType)
  return content
}

/** The old request's stream must read as used at once, so the new one gets a proxy of it. */
function inheritContent(base: Request): BodyContent | null {
  const content = takeContent(base)
  if (content?.kind !== "stream") return content
  const { TransformStream } = loadStreams()
  return { kind: "stream", stream: content.stream.pipeThrough(new TransformStream()) }
}
