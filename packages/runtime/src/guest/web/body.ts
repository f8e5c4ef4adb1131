import { type Blob, blobOf } from "./blob.ts"
import { type BodyContent, contentBytes } from "./body-content.ts"
import { bufferOf } from "./bytes.ts"
import { FormData } from "./form-data.ts"
import { closedStream, type GuestReadableStream, loadStreams, streamOf } from "./guest-streams.ts"
import type { Headers } from "./headers.ts"
import { installedKernel } from "./installed-kernel.ts"
import { extractMimeType, serializeMimeType } from "./mime-type.ts"
import { parseMultipart } from "./multipart.ts"

type Bytes = Uint8Array<ArrayBuffer>

type BodyState =
  | { readonly status: "empty" }
  | { readonly status: "held"; readonly content: BodyContent }
  | { readonly status: "consumed"; readonly stream: GuestReadableStream | null }

const decoder = new TextDecoder()

/** The content, which the body then no longer has, or null for a null body. Throws a TypeError when it was used. */
export let takeContent: (body: Body) => BodyContent | null
/** The content for a second body; the first keeps its own. Throws a TypeError when the body was used. */
export let shareContent: (body: Body) => BodyContent | null

export let hasBody: (body: Body) => boolean
/** The headers, also when a subclass or a patched prototype shows others. */
export let bodyHeaders: (body: Body) => Headers

/** The Body mixin of Request and Response. https://fetch.spec.whatwg.org/#body-mixin */
export class Body {
  static {
    takeContent = (body) => body.#take()
    shareContent = (body) => body.#share()
    hasBody = (body) => body.#state.status !== "empty"
    bodyHeaders = (body) => body.#headers
  }

  #state: BodyState
  #headers: Headers

  constructor(headers: Headers, content: BodyContent | null) {
    this.#headers = headers
    this.#state = content === null ? { status: "empty" } : { status: "held", content }
  }

  get headers(): Headers {
    return this.#headers
  }

  /** Buffered content becomes a stream here, and only here. */
  get body(): GuestReadableStream | null {
    if (this.#state.status === "empty") return null
    if (this.#state.status === "held") return this.#stream(this.#state.content)
    const stream = this.#state.stream ?? consumedStream()
    this.#state = { status: "consumed", stream }
    return stream
  }

  get bodyUsed(): boolean {
    if (this.#state.status !== "held") return this.#state.status === "consumed"
    const { content } = this.#state
    return content.kind === "stream" && loadStreams().isDisturbed(content.stream)
  }

  async arrayBuffer(): Promise<ArrayBuffer> {
    return bufferOf(await this.#bytes())
  }

  async blob(): Promise<Blob> {
    const type = extractMimeType(this.#headers.get("content-type"))
    return blobOf(await this.#bytes(), type === null ? "" : serializeMimeType(type))
  }

  async bytes(): Promise<Bytes> {
    return this.#bytes()
  }

  async formData(): Promise<FormData> {
    const bytes = await this.#bytes()
    const type = extractMimeType(this.#headers.get("content-type"))
    const boundary = type?.parameters.get("boundary")
    if (type?.essence === "multipart/form-data" && boundary !== undefined) return parseMultipart(bytes, boundary)
    if (type?.essence === "application/x-www-form-urlencoded") return parseUrlEncoded(decoder.decode(bytes))
    throw new TypeError("The body is neither multipart/form-data nor application/x-www-form-urlencoded")
  }

  async json(): Promise<unknown> {
    return JSON.parse(await this.#text())
  }

  async text(): Promise<string> {
    return this.#text()
  }

  #stream(content: BodyContent): GuestReadableStream {
    if (content.kind === "stream") return content.stream
    const stream = streamOf(contentBytes(content) as Bytes)
    this.#state = { status: "held", content: { kind: "stream", stream } }
    return stream
  }

  #take(): BodyContent | null {
    const content = this.#usable()
    // A stream stays where it is: reading it disturbs it, and `body` must go on giving the same object.
    if (content !== null && content.kind !== "stream") this.#state = { status: "consumed", stream: null }
    return content
  }

  #share(): BodyContent | null {
    const content = this.#usable()
    if (content === null || content.kind === "text") return content
    const [mine, other] = content.kind === "stream" ? teeStream(content.stream) : shareBytes(content.bytes)
    this.#state = { status: "held", content: mine }
    return other
  }

  #usable(): BodyContent | null {
    if (this.#state.status === "empty") return null
    if (this.#state.status === "consumed" || this.bodyUsed) throw new TypeError("Body is unusable: it was already read")
    const { content } = this.#state
    if (content.kind === "stream" && content.stream.locked)
      throw new TypeError("Body is unusable: its stream is locked")
    return content
  }

  async #bytes(): Promise<Bytes> {
    const content = this.#take()
    return content === null ? new Uint8Array() : contentBytes(content)
  }

  async #text(): Promise<string> {
    const content = this.#take()
    if (content === null) return ""
    if (content.kind !== "text") return decoder.decode(await contentBytes(content))
    // Encoding and decoding again would change nothing but drop the byte order mark.
    return content.text.startsWith("\uFEFF") ? content.text.slice(1) : content.text
  }
}

/** As if it had been read through: closed, and locked by the reader that did it. */
function consumedStream(): GuestReadableStream {
  const stream = closedStream()
  stream.getReader()
  return stream
}

function teeStream(stream: GuestReadableStream): [BodyContent, BodyContent] {
  const [mine, other] = stream.tee()
  return [
    { kind: "stream", stream: mine },
    { kind: "stream", stream: other },
  ]
}

function shareBytes(bytes: Bytes): [BodyContent, BodyContent] {
  const shared: BodyContent = { kind: "bytes", bytes, isShared: true }
  return [shared, shared]
}

function parseUrlEncoded(text: string): FormData {
  type Pairs = new (text: string) => Iterable<[string, string]>
  const { URLSearchParams } = installedKernel().chunk<{ URLSearchParams: Pairs }>("url")
  const form = new FormData()
  // URLSearchParams drops one leading "?", which is data here.
  for (const [name, value] of new URLSearchParams(`?${text}`)) form.append(name, value)
  return form
}
