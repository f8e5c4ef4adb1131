import { argumentError } from "./argument-error.ts"
import { typedArrayName } from "./buffer-bytes.ts"

/** https://encoding.spec.whatwg.org/#interface-textencoder */
export const createTextEncoder = () =>
  class {
    get encoding(): string {
      return "utf-8"
    }

    encode(input: unknown = ""): Uint8Array {
      const text = `${input}`
      // Most text is ASCII: one pass, no second buffer.
      const bytes = new Uint8Array(text.length)
      const { read } = write(text, 0, { bytes, offset: 0, limit: 0x7f })
      return read === text.length ? bytes : encodeRest(text, bytes, read)
    }

    encodeInto(source: unknown, destination: unknown): { read: number; written: number } {
      const text = `${source}`
      if (typedArrayName(destination) !== "Uint8Array") {
        throw argumentError('The "dest" argument must be an instance of Uint8Array.')
      }
      return write(text.toWellFormed(), 0, { bytes: destination as Uint8Array, offset: 0, limit: 0x10ffff })
    }
  }

function encodeRest(text: string, ascii: Uint8Array, start: number): Uint8Array {
  const wellFormed = text.toWellFormed()
  const bytes = new Uint8Array(start + utf8Length(wellFormed, start))
  bytes.set(ascii.subarray(0, start))
  write(wellFormed, start, { bytes, offset: start, limit: 0x10ffff })
  return bytes
}

function utf8Length(text: string, start: number): number {
  let length = 0
  for (let index = start; index < text.length; index++) {
    const unit = text.charCodeAt(index)
    // Each half of a surrogate pair counts two of its four bytes.
    if (unit < 0x80) length += 1
    else length += unit < 0x800 || (unit & 0xf800) === 0xd800 ? 2 : 3
  }
  return length
}

interface Target {
  readonly bytes: Uint8Array
  readonly offset: number
  /** Stops before the first code point above it. */
  readonly limit: number
}

/** Writes whole code points of well-formed text while there is room. */
function write(text: string, start: number, { bytes, offset, limit }: Target): { read: number; written: number } {
  const room = bytes.length
  let read = start
  let at = offset
  while (read < text.length) {
    let point = text.charCodeAt(read)
    if (point > limit) break
    if (point < 0x80) {
      if (at >= room) break
      bytes[at++] = point
      read++
      continue
    }
    const isPair = (point & 0xf800) === 0xd800
    const size = isPair ? 4 : point < 0x800 ? 2 : 3
    if (at + size > room) break
    if (isPair) point = 0x10000 + ((point & 0x3ff) << 10) + (text.charCodeAt(read + 1) & 0x3ff)
    writePoint(bytes, at, point)
    at += size
    read += isPair ? 2 : 1
  }
  return { read, written: at }
}

function writePoint(bytes: Uint8Array, offset: number, point: number): void {
  let at = offset
  if (point < 0x800) bytes[at++] = 0xc0 | (point >> 6)
  else {
    if (point < 0x10000) bytes[at++] = 0xe0 | (point >> 12)
    else {
      bytes[at++] = 0xf0 | (point >> 18)
      bytes[at++] = 0x80 | ((point >> 12) & 0x3f)
    }
    bytes[at++] = 0x80 | ((point >> 6) & 0x3f)
  }
  bytes[at] = 0x80 | (point & 0x3f)
}
