import type { GuestReadableStream, GuestTransformStream, StreamsChunk } from "./guest-streams.ts"
import { isBufferSource } from "./bytes.ts"

type MakeTransform = StreamsChunk["TransformStream"]

interface Decoder {
  readonly encoding: string
  readonly fatal: boolean
  readonly ignoreBOM: boolean
  decode(bytes?: ArrayBuffer | ArrayBufferView, options?: { stream: boolean }): string
}

interface DecoderOptions {
  readonly fatal?: boolean
  readonly ignoreBOM?: boolean
}

const highSurrogateAtEnd = /[\uD800-\uDBFF]$/

/** TextEncoderStream and TextDecoderStream. https://encoding.spec.whatwg.org/#interface-textencoderstream */
export function textStreams(TransformStream: MakeTransform): Record<string, unknown> {
  class TextEncoderStream {
    #pair = new TransformStream(encodeTransformer())

    get encoding(): string {
      return "utf-8"
    }

    get readable(): GuestReadableStream {
      return this.#pair.readable
    }

    get writable(): unknown {
      return this.#pair.writable
    }

    get [Symbol.toStringTag](): string {
      return "TextEncoderStream"
    }
  }

  class TextDecoderStream {
    #decoder: Decoder
    #pair: GuestTransformStream

    constructor(label = "utf-8", options: DecoderOptions = {}) {
      this.#decoder = new TextDecoder(label, options) as unknown as Decoder
      this.#pair = new TransformStream(decodeTransformer(this.#decoder))
    }

    get encoding(): string {
      return this.#decoder.encoding
    }

    get fatal(): boolean {
      return this.#decoder.fatal
    }

    get ignoreBOM(): boolean {
      return this.#decoder.ignoreBOM
    }

    get readable(): GuestReadableStream {
      return this.#pair.readable
    }

    get writable(): unknown {
      return this.#pair.writable
    }

    get [Symbol.toStringTag](): string {
      return "TextDecoderStream"
    }
  }

  return { TextEncoderStream, TextDecoderStream }
}

function encodeTransformer(): ConstructorParameters<MakeTransform>[0] {
  const encoder = new TextEncoder()
  // Half of a character whose other half may come with the next chunk.
  let pending = ""
  return {
    transform(chunk, controller) {
      const text = pending + `${chunk as string}`
      pending = highSurrogateAtEnd.test(text) ? text.slice(-1) : ""
      const whole = pending === "" ? text : text.slice(0, -1)
      if (whole !== "") controller.enqueue(encoder.encode(whole))
    },
    flush(controller) {
      if (pending !== "") controller.enqueue(encoder.encode("\uFFFD"))
    },
  }
}

function decodeTransformer(decoder: Decoder): ConstructorParameters<MakeTransform>[0] {
  return {
    transform(chunk, controller) {
      if (!isBufferSource(chunk)) throw new TypeError("The chunk is not an ArrayBuffer or a view on one")
      const text = decoder.decode(chunk, { stream: true })
      if (text !== "") controller.enqueue(text)
    },
    flush(controller) {
      const text = decoder.decode()
      if (text !== "") controller.enqueue(text)
    },
  }
}
