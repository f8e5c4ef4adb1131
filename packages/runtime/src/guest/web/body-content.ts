import { blobBytes } from "./blob.ts"
import { concatBytes, copyBytes, isBufferSource } from "./bytes.ts"
import { formDataEntries } from "./form-data.ts"
import { type GuestReadableStream, hasTag, isReadableStream, loadStreams } from "./guest-streams.ts"
import { installedKernel } from "./installed-kernel.ts"
import { serializeMultipart } from "./multipart.ts"

type Bytes = Uint8Array<ArrayBuffer>

/** What a body holds. Text stays text until somebody wants bytes; shared bytes must be copied before they leave. */
export type BodyContent =
  | { readonly kind: "text"; readonly text: string }
  | { readonly kind: "bytes"; readonly bytes: Bytes; readonly isShared: boolean }
  | { readonly kind: "stream"; readonly stream: GuestReadableStream }

export interface ExtractedBody {
  readonly content: BodyContent
  readonly contentType: string | null
}

const encoder = new TextEncoder()

/** https://fetch.spec.whatwg.org/#concept-bodyinit-extract */
export function extractBody(value: unknown): ExtractedBody {
  const blob = blobBytes(value)
  if (blob !== null) {
    const { type } = value as { readonly type: string }
    return { content: { kind: "bytes", bytes: blob, isShared: true }, contentType: type === "" ? null : type }
  }
  if (isBufferSource(value)) return { content: ownedBytes(copyBytes(value)), contentType: null }
  const entries = formDataEntries(value)
  if (entries !== null) {
    const { bytes, contentType } = serializeMultipart(entries)
    return { content: ownedBytes(bytes), contentType }
  }
  if (isReadableStream(value)) return { content: { kind: "stream", stream: freshStream(value) }, contentType: null }
  const contentType = isSearchParams(value) ? "application/x-www-form-urlencoded" : "text/plain"
  const text = `${value as string}`.toWellFormed()
  return { content: { kind: "text", text }, contentType: `${contentType};charset=UTF-8` }
}

export function ownedBytes(bytes: Bytes): BodyContent {
  return { kind: "bytes", bytes, isShared: false }
}

/** Bytes that the caller owns. */
export function contentBytes(content: BodyContent): Bytes | Promise<Bytes> {
  switch (content.kind) {
    case "text":
      return encoder.encode(content.text)
    case "bytes":
      return content.isShared ? content.bytes.slice() : content.bytes
    case "stream":
      return collect(content.stream)
  }
}

/** Reads a stream to its end. Rejects with the stream's error, and when a chunk is not a Uint8Array. */
async function collect(stream: GuestReadableStream): Promise<Bytes> {
  const reader = stream.getReader()
  const parts: Bytes[] = []
  for (;;) {
    const { done, value } = await reader.read()
    // One part is copied as well: the producer may still hold it.
    if (done) return parts.length === 1 ? concatBytes(parts).slice() : concatBytes(parts)
    if (!(value instanceof Uint8Array)) {
      const error = new TypeError("A chunk of the body is not a Uint8Array")
      await reader.cancel(error)
      throw error
    }
    parts.push(value as Bytes)
  }
}

function freshStream(stream: GuestReadableStream): GuestReadableStream {
  if (stream.locked) throw new TypeError("The body is a stream that is locked")
  if (loadStreams().isDisturbed(stream)) throw new TypeError("The body is a stream that has been read from")
  return stream
}

function isSearchParams(value: unknown): boolean {
  if (!hasTag(value, "URLSearchParams")) return false
  const { URLSearchParams } = installedKernel().chunk<{ URLSearchParams: new () => object }>("url")
  return value instanceof URLSearchParams
}
