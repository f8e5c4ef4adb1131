import type { Kernel } from "../kernel.ts"
import { argumentError } from "./argument-error.ts"
import { bufferBytes } from "./buffer-bytes.ts"
import { fromCodeUnits } from "./code-units.ts"
import { decodeUtf16 } from "./decode-utf16.ts"
import { decodeUtf8 } from "./decode-utf8.ts"
import { decodeWindows1252 } from "./decode-windows-1252.ts"
import { malformed } from "./decode.ts"
import type { Decode, DecodeOptions } from "./decode.ts"
import type { GuestClass } from "./define-global.ts"
import { encodingOf } from "./encoding-labels.ts"

const byteOrderMark = 0xfeff
const asciiSpace = /^[\t\n\f\r ]+|[\t\n\f\r ]+$/g

type Ask = Kernel["ask"]

/** https://encoding.spec.whatwg.org/#interface-textdecoder */
export const createTextDecoder = (ask: Ask): GuestClass =>
  class {
    #encoding: string
    #fatal: boolean
    #ignoreBOM: boolean
    /** Null between streams. */
    #decode: Decode | null = null
    #isStart = true

    constructor(label: unknown = "utf-8", options: unknown = {}) {
      if (options !== null && typeof options !== "object" && typeof options !== "function") {
        throw argumentError('The "options" argument must be of type object')
      }
      const { fatal, ignoreBOM } = (options ?? {}) as { fatal?: unknown; ignoreBOM?: unknown }
      this.#encoding = readLabel(`${label}`, ask)
      this.#fatal = Boolean(fatal)
      this.#ignoreBOM = Boolean(ignoreBOM)
    }

    get encoding(): string {
      return this.#encoding
    }
    get fatal(): boolean {
      return this.#fatal
    }
    get ignoreBOM(): boolean {
      return this.#ignoreBOM
    }

    decode(input?: unknown, options?: unknown): string {
      const bytes = bufferBytes(input === undefined ? new ArrayBuffer(0) : input)
      const isLast = !(options as { stream?: unknown } | null | undefined)?.stream
      if (this.#decode === null) {
        this.#decode = decoderFor({ encoding: this.#encoding, fatal: this.#fatal }, ask)
        this.#isStart = true
      }
      const decode = this.#decode
      // Before decoding: a fatal error ends the stream too.
      if (isLast) this.#decode = null
      return this.#withoutMark(decode(bytes, isLast))
    }

    #withoutMark(text: string): string {
      if (!this.#isStart || text === "") return text
      this.#isStart = false
      const isMarked = !this.#ignoreBOM && text.charCodeAt(0) === byteOrderMark && this.#encoding.startsWith("utf-")
      return isMarked ? text.slice(1) : text
    }
  }

function readLabel(given: string, ask: Ask): string {
  const label = given.replace(asciiSpace, "").toLowerCase()
  const known = encodingOf(label) ?? (ask(`decode:${label}`, "") === null ? null : label)
  if (known !== null) return known
  throw Object.assign(new RangeError(`The "${given}" encoding is not supported`), {
    code: "ERR_ENCODING_NOT_SUPPORTED",
  })
}

function decoderFor(options: DecodeOptions, ask: Ask): Decode {
  if (options.encoding === "utf-8") return decodeUtf8(options)
  if (options.encoding.startsWith("utf-16")) return decodeUtf16(options)
  return options.encoding === "windows-1252" ? decodeWindows1252 : decodeInHost(options, ask)
}

/** The host keeps no state, so the pieces of a stream wait here for the last one. */
function decodeInHost({ encoding, fatal }: DecodeOptions, ask: Ask): Decode {
  let pending = ""
  return (bytes, isLast) => {
    pending += fromCodeUnits(bytes)
    if (!isLast) return ""
    const text = ask(`decode:${encoding}`, pending) ?? ""
    if (fatal && text.includes("\ufffd")) throw malformed(encoding)
    return text
  }
}
