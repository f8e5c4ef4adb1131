import { fromCodeUnits } from "./code-units.ts"
import { malformed } from "./decode.ts"
import type { Decode, DecodeOptions } from "./decode.ts"

/** https://encoding.spec.whatwg.org/#shared-utf-16-decoder */
export function decodeUtf16({ encoding, fatal }: DecodeOptions): Decode {
  const isBigEndian = encoding === "utf-16be"
  let pending = new Uint8Array(0)
  return (given, isLast) => {
    const bytes = join(pending, given)
    const units = readUnits(bytes, isBigEndian)
    const end = isLast || !isLead(units[units.length - 1]) ? units.length : units.length - 1
    pending = bytes.slice(isLast ? bytes.length : end * 2)
    let text = fromCodeUnits(units, end)
    // An odd byte after a lone lead surrogate is part of the same error.
    if (isLast && bytes.length % 2 === 1 && !isLead(units[end - 1])) text += "\ud800"
    if (fatal && !text.isWellFormed()) throw malformed(encoding)
    return text.toWellFormed()
  }
}

function readUnits(bytes: Uint8Array, isBigEndian: boolean): Uint16Array {
  const units = new Uint16Array(bytes.length >> 1)
  const low = isBigEndian ? 1 : 0
  for (let index = 0; index < units.length; index++) {
    units[index] = (bytes[index * 2 + low] ?? 0) | ((bytes[index * 2 + 1 - low] ?? 0) << 8)
  }
  return units
}

function isLead(unit: number | undefined): boolean {
  return unit !== undefined && (unit & 0xfc00) === 0xd800
}

function join(first: Uint8Array, second: Uint8Array): Uint8Array {
  if (first.length === 0) return second
  const joined = new Uint8Array(first.length + second.length)
  joined.set(first)
  joined.set(second, first.length)
  return joined
}
