import { Deflate, Gzip, Zlib } from "fflate/browser"
import type { LoadChunk } from "../kernel.ts"
import { copyBytes, isBufferSource } from "./bytes.ts"
import { type CompressionFormat, createDecompressor } from "./decompress.ts"
import { type GuestReadableStream, type GuestTransformStream, loadStreams, type Transformer } from "./guest-streams.ts"
import type { TransformController } from "./guest-streams.ts"
import { installKernel } from "./installed-kernel.ts"
import { nameClasses } from "./name-classes.ts"

type Bytes = Uint8Array<ArrayBuffer>

/** https://compression.spec.whatwg.org, inside the isolate, so that the guest's own CPU budget pays. */
class CompressionStream {
  #pair: GuestTransformStream

  constructor(format: unknown) {
    this.#pair = transformPair(compressing(formatOf(format)))
  }

  get readable(): GuestReadableStream {
    return this.#pair.readable
  }

  get writable(): unknown {
    return this.#pair.writable
  }

  get [Symbol.toStringTag](): string {
    return "CompressionStream"
  }
}

class DecompressionStream {
  #pair: GuestTransformStream

  constructor(format: unknown) {
    this.#pair = transformPair(decompressing(formatOf(format)))
  }

  get readable(): GuestReadableStream {
    return this.#pair.readable
  }

  get writable(): unknown {
    return this.#pair.writable
  }

  get [Symbol.toStringTag](): string {
    return "DecompressionStream"
  }
}

const loadCompression: LoadChunk = (kernel) => {
  installKernel(kernel)
  return nameClasses({ CompressionStream, DecompressionStream })
}

export default loadCompression

function formatOf(value: unknown): CompressionFormat {
  const format = `${value as string}`
  if (format === "gzip" || format === "deflate" || format === "deflate-raw") return format
  throw new TypeError(`"${format}" is not a compression format: use "gzip", "deflate" or "deflate-raw"`)
}

function transformPair(transformer: Transformer): GuestTransformStream {
  const { TransformStream } = loadStreams()
  return new TransformStream(transformer)
}

function compressing(format: CompressionFormat): Transformer {
  let target: TransformController | undefined
  const onOutput = (bytes: Uint8Array): void => {
    if (bytes.length > 0) target?.enqueue(bytes)
  }
  const compressor = createCompressor(format, onOutput)
  return {
    transform(chunk, controller) {
      target = controller
      compressor.push(bytesOf(chunk))
    },
    flush(controller) {
      target = controller
      compressor.push(new Uint8Array(), true)
    },
  }
}

function createCompressor(format: CompressionFormat, onOutput: (bytes: Uint8Array) => void) {
  switch (format) {
    case "gzip":
      // No time: equal input gives equal output.
      return new Gzip({ mtime: 0 }, onOutput)
    case "deflate":
      return new Zlib(onOutput)
    case "deflate-raw":
      return new Deflate(onOutput)
  }
}

function decompressing(format: CompressionFormat): Transformer {
  let target: TransformController | undefined
  const decompressor = createDecompressor(format, (bytes) => target?.enqueue(bytes))
  return {
    transform(chunk, controller) {
      target = controller
      decompressor.push(bytesOf(chunk))
    },
    flush: () => decompressor.finish(),
  }
}

/** A copy: the writer may change its chunk while it waits to be compressed. */
function bytesOf(chunk: unknown): Bytes {
  if (!isBufferSource(chunk)) throw new TypeError("The chunk is not an ArrayBuffer or a view on one")
  return copyBytes(chunk)
}
