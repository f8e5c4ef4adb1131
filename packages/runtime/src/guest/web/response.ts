import { Body, bodyHeaders, shareContent, takeContent } from "./body.ts"
import { type BodyContent, contentBytes, extractBody, ownedBytes } from "./body-content.ts"
import type { GuestReadableStream } from "./guest-streams.ts"
import { Headers, headerPairs, type HeaderPair, makeImmutable } from "./headers.ts"
import { parseUrl } from "./parse-url.ts"
import { installedKernel } from "./installed-kernel.ts"
import type { SocketInternals } from "../../socket/web-socket-class.ts"

/** A response as it crosses to the supervisor, and as the supervisor answers a fetch. */
export interface WireResponse {
  readonly status: number
  readonly statusText: string
  readonly headers: readonly HeaderPair[]
  readonly body: Uint8Array<ArrayBuffer>
}

export interface FetchedResponse extends Omit<WireResponse, "body"> {
  readonly url: string
  readonly redirected: boolean
  /** Bytes when the body was there with its head. */
  readonly body: Uint8Array<ArrayBuffer> | GuestReadableStream | null
}

interface ResponseFields {
  readonly url: string
  readonly redirected: boolean
  readonly type: "default" | "basic" | "error"
  readonly status: number
  readonly statusText: string
  /** Of an upgrade: not accepted yet, or it can not be passed on. */
  readonly webSocket?: object
}

interface ResponseParts {
  readonly fields: ResponseFields
  readonly headers: Headers
  readonly content: BodyContent | null
}

interface ResponseInit {
  readonly status?: unknown
  readonly statusText?: unknown
  readonly headers?: unknown
  readonly webSocket?: unknown
}

const nullBodyStatus: readonly number[] = [101, 103, 204, 205, 304]
const redirectStatus: readonly number[] = [301, 302, 303, 307, 308]
const reasonPhrase = /^[\t\x20-\x7E\x80-\xFF]*$/

/** Made by us, never by the guest, who cannot reach this class: the constructor takes its parts as they are. */
class Prepared {
  static read(value: unknown): ResponseParts | null {
    return typeof value === "object" && value !== null && #parts in value ? value.#parts : null
  }

  #parts: ResponseParts

  constructor(parts: ResponseParts) {
    this.#parts = parts
  }
}

/** Null when `value` is neither a Response nor of a subclass. */
let fieldsOf: (value: unknown) => ResponseFields | null

/** https://fetch.spec.whatwg.org/#response-class */
export class Response extends Body {
  static {
    fieldsOf = (value) => (typeof value === "object" && value !== null && #fields in value ? value.#fields : null)
  }

  static error(): Response {
    return immutable({ url: "", redirected: false, type: "error", status: 0, statusText: "" })
  }

  static json(data: unknown, init: unknown = {}): Response {
    const text: string | undefined = JSON.stringify(data)
    if (text === undefined) throw new TypeError("The value is not JSON serializable")
    const content: BodyContent = { kind: "text", text: text.toWellFormed() }
    return new Response(new Prepared(initialize(init, { content, contentType: "application/json" })))
  }

  static redirect(url: unknown, status: unknown = 302): Response {
    const location = parseUrl(`${url as string}`)
    if (location === null) throw new TypeError(`Failed to parse URL from ${url as string}`)
    const code = toUnsignedShort(status)
    if (!redirectStatus.includes(code)) throw new RangeError(`${code} is not a redirect status`)
    const fields: ResponseFields = { url: "", redirected: false, type: "default", status: code, statusText: "" }
    return immutable(fields, new Headers([["location", location.href]]))
  }

  #fields: ResponseFields

  constructor(body: unknown = null, init: unknown = {}) {
    const extracted = body === null || body === undefined ? null : body
    const parts = Prepared.read(extracted) ?? initialize(init, extracted === null ? null : extractBody(extracted))
    super(parts.headers, parts.content)
    this.#fields = parts.fields
  }

  get type(): string {
    return this.#fields.type
  }

  get url(): string {
    return this.#fields.url
  }

  get redirected(): boolean {
    return this.#fields.redirected
  }

  get status(): number {
    return this.#fields.status
  }

  get ok(): boolean {
    return this.#fields.status >= 200 && this.#fields.status <= 299
  }

  get statusText(): string {
    return this.#fields.statusText
  }

  /** https://developers.cloudflare.com/workers/runtime-apis/websockets/ */
  get webSocket(): object | null {
    return this.#fields.webSocket ?? null
  }

  clone(): Response {
    if (this.#fields.webSocket !== undefined) throw new TypeError("Cannot clone a response to a WebSocket handshake.")
    const content = shareContent(this)
    const headers = new Headers(bodyHeaders(this))
    if (this.#fields.type !== "default") makeImmutable(headers)
    return new Response(new Prepared({ fields: this.#fields, headers, content }))
  }

  get [Symbol.toStringTag](): string {
    return "Response"
  }
}

/** The Response of a fetch. Takes ownership of the body. */
export function responseFromFetch(answer: FetchedResponse): Response {
  const { url, redirected, status, statusText, body } = answer
  const headers = new Headers(answer.headers)
  makeImmutable(headers)
  const content = nullBodyStatus.includes(status) ? null : fetchedContent(body)
  const fields: ResponseFields = { url, redirected, type: "basic", status, statusText }
  return new Response(new Prepared({ fields, headers, content }))
}

function fetchedContent(body: FetchedResponse["body"]): BodyContent {
  // An answer without a body has an empty one, as in browsers.
  if (body === null) return ownedBytes(new Uint8Array())
  return body instanceof Uint8Array ? ownedBytes(body) : { kind: "stream", stream: body }
}

/** A response whose body the supervisor reads while the program still writes it. */
export interface StreamedResponse extends Omit<WireResponse, "body"> {
  readonly stream: GuestReadableStream
}

/** An upgrade: the supervisor gets the other end of the socket. */
export interface UpgradeResponse extends Omit<WireResponse, "body"> {
  readonly webSocket: object
}

/**
 * What the program's fetch handler returned: whole when its body is text or bytes, with the stream when it is one.
 * Rejects with a TypeError for anything but a Response.
 */
export async function responseToWire(value: unknown): Promise<WireResponse | StreamedResponse | UpgradeResponse> {
  const fields = fieldsOf(value)
  if (fields === null) throw new TypeError("Incorrect type for Promise: the fetch handler must return a Response")
  if (fields.type === "error") throw new TypeError("The fetch handler returned Response.error()")
  const response = value as Response
  const { status, statusText } = fields
  const headers = headerPairs(bodyHeaders(response))
  if (fields.webSocket !== undefined) return { status, statusText, headers, webSocket: fields.webSocket }
  const content = takeContent(response)
  if (content?.kind === "stream") return { status, statusText, headers, stream: content.stream }
  return { status, statusText, headers, body: content === null ? new Uint8Array() : await contentBytes(content) }
}

/** https://fetch.spec.whatwg.org/#initialize-a-response */
function initialize(init: unknown, body: { content: BodyContent; contentType: string | null } | null): ResponseParts {
  const { status = 200, statusText = "", headers: given, webSocket: socket } = dictionaryOf(init)
  const code = toUnsignedShort(status)
  const webSocket = webSocketOf(socket, code, body)
  if (webSocket === undefined && (code < 200 || code > 599))
    throw new RangeError("The status of a Response must be in the range of 200 to 599")
  const text = `${statusText as string}`
  if (!reasonPhrase.test(text)) throw new TypeError("The statusText of a Response is not a valid reason phrase")
  const headers = new Headers(given)
  const fields: ResponseFields = {
    url: "",
    redirected: false,
    type: "default",
    status: code,
    statusText: text,
    ...(webSocket && { webSocket }),
  }
  if (body === null) return { fields, headers, content: null }
  if (nullBodyStatus.includes(code)) throw new TypeError(`A Response with status ${code} cannot have a body`)
  if (body.contentType !== null && !headers.has("content-type")) headers.set("content-type", body.contentType)
  return { fields, headers, content: body.content }
}

function webSocketOf(value: unknown, status: number, body: unknown): object | undefined {
  if (value === undefined || value === null) return undefined
  // Where there is no chunk there are no sockets.
  const { WebSocketInternals } = installedKernel().isLoaded("websocket")
    ? installedKernel().chunk<{ WebSocketInternals?: SocketInternals }>("websocket")
    : {}
  if (WebSocketInternals?.isWebSocket(value) !== true) throw new TypeError("Response: webSocket is not a WebSocket")
  if (status !== 101) throw new RangeError("Responses with a WebSocket must have status code 101.")
  if (body !== null) throw new TypeError("Responses with a WebSocket cannot have a body.")
  return value as object
}

function dictionaryOf(init: unknown): ResponseInit {
  if (init === undefined || init === null) return {}
  if (typeof init !== "object" && typeof init !== "function") throw new TypeError("Response: init is not an object")
  return init as ResponseInit
}

function immutable(fields: ResponseFields, headers = new Headers()): Response {
  makeImmutable(headers)
  return new Response(new Prepared({ fields, headers, content: null }))
}

function toUnsignedShort(value: unknown): number {
  const number = Math.trunc(Number(value))
  return Number.isFinite(number) ? ((number % 65_536) + 65_536) % 65_536 : 0
}
