import { concatBytes, bufferOf, copyBytes, isBufferSource } from "./bytes.ts"
import { type GuestReadableStream, streamOf } from "./guest-streams.ts"
import { isIterable, requireArguments } from "./pair-list.ts"

interface BlobOptions {
  readonly type?: unknown
  readonly endings?: unknown
}

interface FileOptions extends BlobOptions {
  readonly lastModified?: unknown
}

type Bytes = Uint8Array<ArrayBuffer>

const encoder = new TextEncoder()
const decoder = new TextDecoder()
const outsideType = /[^\x20-\x7E]/
const lineEnding = /\r\n?|\n/g

/** The bytes that all slices share: never change them, never hand them to the guest. Null for anything but a Blob. */
export let blobBytes: (value: unknown) => Bytes | null
/** A Blob over `bytes`, which it owns from then on. */
export let blobOf: (bytes: Bytes, type: string) => Blob

/** https://w3c.github.io/FileAPI/#blob-section. All in memory, which counts against the run's limit. */
export class Blob {
  static {
    blobBytes = (value) => (typeof value === "object" && value !== null && #bytes in value ? value.#bytes : null)
    blobOf = (bytes, type) => {
      const blob = new Blob()
      blob.#bytes = bytes
      blob.#type = normalType(type)
      return blob
    }
  }

  #bytes: Bytes
  #type: string

  constructor(parts: unknown = [], options: BlobOptions | null = {}) {
    requireDictionary(options)
    this.#bytes = joinParts(parts, options?.endings)
    this.#type = normalType(options?.type)
  }

  get size(): number {
    return this.#bytes.length
  }

  get type(): string {
    return this.#type
  }

  async arrayBuffer(): Promise<ArrayBuffer> {
    return bufferOf(this.#bytes.slice())
  }

  async bytes(): Promise<Bytes> {
    return this.#bytes.slice()
  }

  async text(): Promise<string> {
    return decoder.decode(this.#bytes)
  }

  slice(start: unknown = 0, end?: unknown, type: unknown = ""): Blob {
    const { length } = this.#bytes
    // subarray counts from the end for negative positions and clamps, just as Blob.slice must.
    const last = end === undefined ? length : clamp(end)
    return blobOf(this.#bytes.subarray(clamp(start), last), `${type as string}`)
  }

  stream(): GuestReadableStream {
    return streamOf(this.#bytes.slice())
  }

  get [Symbol.toStringTag](): string {
    return "Blob"
  }
}

/** Whether `value` was made by the File constructor or that of a subclass. */
export let isFile: (value: unknown) => value is File

/** https://w3c.github.io/FileAPI/#file-section */
export class File extends Blob {
  #name: string
  #lastModified: number

  constructor(parts: unknown, name: unknown, options: FileOptions | null = {}) {
    requireArguments(arguments.length, 2, "File")
    super(parts, options)
    this.#name = `${name as string}`.toWellFormed()
    const modified = options?.lastModified
    this.#lastModified = modified === undefined ? Date.now() : Math.trunc(Number(modified)) || 0
  }

  get name(): string {
    return this.#name
  }

  get lastModified(): number {
    return this.#lastModified
  }

  override get [Symbol.toStringTag](): string {
    return "File"
  }

  static {
    isFile = (value) => typeof value === "object" && value !== null && #name in value
  }
}

function requireDictionary(options: unknown): void {
  if (options === undefined || options === null || typeof options === "object" || typeof options === "function") return
  throw new TypeError("Blob: options is not an object")
}

function joinParts(parts: unknown, endings: unknown): Bytes {
  if (typeof parts !== "object" || parts === null || !isIterable(parts)) {
    throw new TypeError("Blob: the parts are not a sequence")
  }
  if (endings !== undefined && endings !== "transparent" && endings !== "native") {
    throw new TypeError('Blob: endings is neither "transparent" nor "native"')
  }
  return concatBytes(Array.from(parts, (part) => partBytes(part, endings === "native")))
}

function partBytes(part: unknown, isNative: boolean): Bytes {
  const bytes = blobBytes(part)
  if (bytes !== null) return bytes
  if (isBufferSource(part)) return copyBytes(part)
  const text = `${part as string}`
  return encoder.encode(isNative ? text.replace(lineEnding, "\n") : text)
}

/** The nearest integer, and the even one of two. https://webidl.spec.whatwg.org/#Clamp */
function clamp(value: unknown): number {
  const number = Number(value)
  const rounded = Math.round(number)
  return rounded - number === 0.5 && rounded % 2 !== 0 ? rounded - 1 : rounded
}

function normalType(type: unknown): string {
  const text = type === undefined ? "" : `${type as string}`
  return outsideType.test(text) ? "" : text.toLowerCase()
}
