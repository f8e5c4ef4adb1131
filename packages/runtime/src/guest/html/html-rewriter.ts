import { loadStreams } from "../web/guest-streams.ts"
import { installedKernel } from "../web/installed-kernel.ts"
import type { DocumentEntry, Entry, Handler } from "./handlers.ts"
import { Rewrite } from "./rewrite.ts"
import { compileSelector } from "./selector.ts"

interface ResponseLike {
  readonly status: number
  readonly statusText: string
  readonly headers: HeadersLike
  readonly body: { getReader(): Reader } | null
}

interface HeadersLike {
  get(name: string): string | null
  delete(name: string): void
}

interface Reader {
  read(): Promise<{ readonly done: boolean; readonly value?: unknown }>
  cancel(reason?: unknown): Promise<void>
}

interface FetchChunk {
  readonly Response: new (body: unknown, init: object) => ResponseLike
  readonly Headers: new (headers: HeadersLike) => HeadersLike
}

const encoder = new TextEncoder()

/** https://developers.cloudflare.com/workers/runtime-apis/html-rewriter/ */
export class HTMLRewriter {
  readonly #entries: Entry[] = []
  readonly #documents: DocumentEntry[] = []

  on(selector: unknown, handlers: unknown): this {
    const matches = compileSelector(`${selector as string}`)
    const order = this.#entries.length
    this.#entries.push({ order, matches, ...bound(handlers, ["element", "text", "comments"]) })
    return this
  }

  onDocument(handlers: unknown): this {
    this.#documents.push(bound(handlers, ["doctype", "text", "comments", "end"]))
    return this
  }

  /** The response with a body that is rewritten while it is read. A handler that throws makes the body fail with what it threw. */
  transform(response: unknown): ResponseLike {
    const { Response, Headers } = installedKernel().chunk<FetchChunk>("fetch")
    if (!(response instanceof Response)) throw new TypeError("HTMLRewriter.transform: this is not a Response")
    checkCharset(response.headers.get("content-type"))
    if (response.body === null) return response
    const headers = new Headers(response.headers)
    headers.delete("content-length")
    const { status, statusText } = response
    const rewrite = new Rewrite([...this.#entries], [...this.#documents])
    return new Response(rewritten(response.body.getReader(), rewrite), { status, statusText, headers })
  }

  get [Symbol.toStringTag](): string {
    return "HTMLRewriter"
  }
}

function bound<Name extends string>(handlers: unknown, names: readonly Name[]): { readonly [Key in Name]?: Handler } {
  if ((typeof handlers !== "object" || handlers === null) && typeof handlers !== "function")
    throw new TypeError("HTMLRewriter: the handlers are not an object")
  const found: { [Key in Name]?: Handler } = {}
  for (const name of names) {
    const handler: unknown = (handlers as Record<string, unknown>)[name]
    if (handler === undefined || handler === null) continue
    if (typeof handler !== "function") throw new TypeError(`HTMLRewriter: the handler "${name}" is not a function`)
    found[name] = (token) => Reflect.apply(handler, handlers, [token]) as unknown
  }
  return found
}

function checkCharset(contentType: string | null): void {
  const charset = /;\s*charset\s*=\s*"?([^\s";]+)/i.exec(contentType ?? "")?.[1]?.toLowerCase()
  if (charset === undefined || charset === "utf-8" || charset === "utf8" || charset === "us-ascii") return
  throw new TypeError(`HTMLRewriter: the charset "${charset}" is not supported, only UTF-8 is`)
}

/** A stream of what comes out, no faster than it is read. */
function rewritten(reader: Reader, rewrite: Rewrite): object {
  const { ReadableStream } = loadStreams()
  const output = rewriteAll(reader, rewrite)
  const pull = async (controller: { enqueue(chunk: Uint8Array): void; close(): void }): Promise<void> => {
    try {
      const { done, value } = await output.next()
      if (done === true) controller.close()
      else controller.enqueue(encoder.encode(value))
    } catch (error) {
      await reader.cancel(error).catch(() => undefined)
      throw error
    }
  }
  const source = { pull, cancel: (reason: unknown) => reader.cancel(reason) }
  return new ReadableStream(source as never, { highWaterMark: 0 })
}

async function* rewriteAll(reader: Reader, rewrite: Rewrite): AsyncGenerator<string> {
  const decoder = new TextDecoder("utf-8", { ignoreBOM: true })
  for (;;) {
    const { done, value } = await reader.read()
    if (done) break
    if (!(value instanceof Uint8Array)) throw new TypeError("A chunk of the body is not a Uint8Array")
    yield* rewrite.write(decoder.decode(value, { stream: true }))
  }
  yield* rewrite.write(decoder.decode())
  yield* rewrite.end()
}
