const { fromCharCode } = String
const { apply } = Reflect

/** More arguments than this may overflow the stack of a deep caller. */
const chunkLength = 8192

/** The string whose code units are the first `length` numbers of `units`. */
export function fromCodeUnits(units: Uint8Array | Uint16Array, length = units.length): string {
  if (length <= chunkLength) return apply(fromCharCode, undefined, units.subarray(0, length))
  let text = ""
  for (let start = 0; start < length; start += chunkLength) {
    text += apply(fromCharCode, undefined, units.subarray(start, Math.min(start + chunkLength, length)))
  }
  return text
}
