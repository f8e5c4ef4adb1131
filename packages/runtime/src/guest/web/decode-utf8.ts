import { fromCodeUnits } from "./code-units.ts"
import { malformed, replacement } from "./decode.ts"
import type { Decode, DecodeOptions } from "./decode.ts"

const bufferLength = 8192

/** The state between two bytes of one sequence: https://encoding.spec.whatwg.org/#utf-8-decoder */
interface Sequence {
  /** Continuation bytes that are still to come. */
  needed: number
  point: number
  /** The range of the next byte; it excludes overlong forms, surrogates and what is above U+10FFFF. */
  lower: number
  upper: number
}

export function decodeUtf8({ encoding, fatal }: DecodeOptions): Decode {
  const sequence: Sequence = { needed: 0, point: 0, lower: 0x80, upper: 0xbf }
  return (bytes, isLast) => {
    const units = new Uint16Array(Math.min(bytes.length + 2, bufferLength))
    const full = units.length - 2
    let text = ""
    let count = 0
    for (let index = 0; index < bytes.length; index++) {
      if (count >= full) {
        text += fromCodeUnits(units, count)
        count = 0
      }
      const byte = bytes[index] ?? 0
      if (sequence.needed === 0 && byte < 0x80) {
        units[count++] = byte
        continue
      }
      const point = step(sequence, byte)
      if (point === incomplete) continue
      if (point < 0) {
        if (fatal) throw malformed(encoding)
        units[count++] = replacement
        // The byte that broke the sequence may start the next one.
        if (point === brokenBefore) index--
      } else if (point < 0x10000) units[count++] = point
      else {
        units[count++] = 0xd7c0 + (point >> 10)
        units[count++] = 0xdc00 + (point & 0x3ff)
      }
    }
    text += fromCodeUnits(units, count)
    return isLast && sequence.needed > 0 ? text + finish(sequence, { encoding, fatal }) : text
  }
}

const incomplete = -1
const broken = -2
const brokenBefore = -3

/** Takes one byte; gives a code point, or one of the three above. */
function step(sequence: Sequence, byte: number): number {
  if (sequence.needed === 0) return start(sequence, byte)
  if (byte < sequence.lower || byte > sequence.upper) {
    sequence.needed = 0
    return brokenBefore
  }
  sequence.lower = 0x80
  sequence.upper = 0xbf
  sequence.point = (sequence.point << 6) | (byte & 0x3f)
  sequence.needed--
  return sequence.needed === 0 ? sequence.point : incomplete
}

function start(sequence: Sequence, byte: number): number {
  if (byte < 0x80) return byte
  if (byte < 0xc2 || byte > 0xf4) return broken
  sequence.needed = byte < 0xe0 ? 1 : byte < 0xf0 ? 2 : 3
  sequence.point = byte & (0x3f >> sequence.needed)
  sequence.lower = byte === 0xe0 ? 0xa0 : byte === 0xf0 ? 0x90 : 0x80
  sequence.upper = byte === 0xed ? 0x9f : byte === 0xf4 ? 0x8f : 0xbf
  return incomplete
}

function finish(sequence: Sequence, { encoding, fatal }: DecodeOptions): string {
  sequence.needed = 0
  if (fatal) throw malformed(encoding)
  return "\ufffd"
}
