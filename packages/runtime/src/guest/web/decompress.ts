import { concatBytes } from "./bytes.ts"
import { type Checksum, createAdler32, createCrc32 } from "./checksum.ts"
import { createRawInflate } from "./raw-inflate.ts"

export type CompressionFormat = "gzip" | "deflate" | "deflate-raw"

type Bytes = Uint8Array<ArrayBuffer>

export interface Decompressor {
  /** Throws a TypeError for corrupt data and for anything behind its end. */
  push(chunk: Bytes): void
  /** Throws a TypeError when the data is not complete. */
  finish(): void
}

interface Container {
  /** The length of the header, or null while it is incomplete. Throws a TypeError when it is none. */
  headerLength(bytes: Bytes): number | null
  readonly trailerLength: number
  checkTrailer(trailer: DataView): void
  readonly checksum: Checksum | null
}

type Phase = "header" | "data" | "trailer" | "end"

export function createDecompressor(format: CompressionFormat, onOutput: (bytes: Bytes) => void): Decompressor {
  return new ContainerReader(containers[format], onOutput)
}

class ContainerReader implements Decompressor {
  readonly #inflate
  readonly #container
  #phase: Phase = "header"
  #length = 0
  // Bytes of a header or trailer that is not complete yet. Inflating keeps its own rest.
  #pending: Bytes = new Uint8Array()

  constructor(makeContainer: (length: () => number) => Container, onOutput: (bytes: Bytes) => void) {
    this.#container = makeContainer(() => this.#length)
    this.#inflate = createRawInflate((output) => {
      this.#length += output.length
      this.#container.checksum?.add(output)
      onOutput(output)
    })
  }

  push(chunk: Bytes): void {
    let rest: Bytes | null = chunk
    if (this.#phase === "header") rest = this.#readHeader(rest)
    if (rest !== null && this.#phase === "data") rest = this.#readData(rest)
    if (rest !== null && this.#phase === "trailer") rest = this.#readTrailer(rest)
    if (rest !== null && rest.length > 0 && this.#phase === "end") throw new TypeError("There is data behind the end")
  }

  finish(): void {
    if (this.#phase !== "end") throw new TypeError("The compressed data ends too early")
  }

  #readHeader(chunk: Bytes): Bytes | null {
    const bytes = concatBytes([this.#pending, chunk])
    const length = this.#container.headerLength(bytes)
    if (length === null) {
      this.#pending = bytes
      return null
    }
    this.#pending = new Uint8Array()
    this.#phase = "data"
    return bytes.subarray(length)
  }

  #readData(chunk: Bytes): Bytes | null {
    const rest = this.#inflate.push(chunk)
    if (rest !== null) this.#phase = "trailer"
    return rest
  }

  #readTrailer(chunk: Bytes): Bytes | null {
    const bytes = concatBytes([this.#pending, chunk])
    const { trailerLength } = this.#container
    if (bytes.length < trailerLength) {
      this.#pending = bytes
      return null
    }
    this.#container.checkTrailer(new DataView(bytes.buffer, bytes.byteOffset, trailerLength))
    this.#phase = "end"
    return bytes.subarray(trailerLength)
  }
}

const containers: Record<CompressionFormat, (length: () => number) => Container> = {
  gzip: gzipContainer,
  deflate: zlibContainer,
  "deflate-raw": () => ({ headerLength: () => 0, trailerLength: 0, checkTrailer: () => undefined, checksum: null }),
}

/** RFC 1950 */
function zlibContainer(): Container {
  const checksum = createAdler32()
  return {
    checksum,
    trailerLength: 4,
    headerLength([first, second]) {
      if (first === undefined || second === undefined) return null
      const isValid = (first & 0x0f) === 8 && first >> 4 <= 7 && ((first << 8) | second) % 31 === 0
      if (!isValid || (second & 0x20) !== 0) throw new TypeError("The compressed data has no valid zlib header")
      return 2
    },
    checkTrailer(trailer) {
      if (trailer.getUint32(0) !== checksum.value()) throw new TypeError("The checksum of the data is wrong")
    },
  }
}

/** RFC 1952, one member */
function gzipContainer(length: () => number): Container {
  const checksum = createCrc32()
  return {
    checksum,
    trailerLength: 8,
    headerLength: gzipHeaderLength,
    checkTrailer(trailer) {
      if (trailer.getUint32(0, true) !== checksum.value()) throw new TypeError("The checksum of the data is wrong")
      if (trailer.getUint32(4, true) !== length() >>> 0) throw new TypeError("The length of the data is wrong")
    },
  }
}

function gzipHeaderLength(bytes: Bytes): number | null {
  const expected = [0x1f, 0x8b, 8]
  if (expected.some((byte, at) => at < bytes.length && bytes[at] !== byte) || ((bytes[3] ?? 0) & 0xe0) !== 0) {
    throw new TypeError("The compressed data has no valid gzip header")
  }
  const flags = bytes[3] ?? 0
  let end = 10
  if (flags & 4) end += 2 + ((bytes[10] ?? 0) | ((bytes[11] ?? 0) << 8))
  // A file name and a comment, each ending with a null byte.
  for (const flag of [8, 16]) {
    if (!(flags & flag)) continue
    const zero = bytes.indexOf(0, end)
    if (zero === -1) return null
    end = zero + 1
  }
  if (flags & 2) end += 2
  return end <= bytes.length ? end : null
}
