import { fromCodeUnits } from "./code-units.ts"
import type { Decode } from "./decode.ts"

/** What 0x80 to 0x9F mean; every other byte is its own code point. https://encoding.spec.whatwg.org/#windows-1252 */
const high =
  "\u20ac\x81\u201a\u0192\u201e\u2026\u2020\u2021\u02c6\u2030\u0160\u2039\u0152\x8d\u017d\x8f" +
  "\x90\u2018\u2019\u201c\u201d\u2022\u2013\u2014\u02dc\u2122\u0161\u203a\u0153\x9d\u017e\u0178"

/** Every byte means something, and no sequence can be split. */
export const decodeWindows1252: Decode = (bytes) => {
  if (!bytes.some((byte) => byte >>> 5 === 4)) return fromCodeUnits(bytes)
  const units = new Uint16Array(bytes)
  for (let index = 0; index < units.length; index++) {
    const byte = units[index] ?? 0
    if (byte >>> 5 === 4) units[index] = high.charCodeAt(byte - 0x80)
  }
  return fromCodeUnits(units)
}
