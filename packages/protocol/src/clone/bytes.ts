// Taken at evaluation: this file also runs inside isolates, where guest code may replace intrinsics later.
const { fromCharCode } = String
const { apply } = Reflect
const Bytes = Uint8Array

const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
const chunkBytes = 8_190
let pairs: string[] | undefined
let values: Uint8Array | undefined

/** Standard base64 with padding. */
export function bytesToBase64(bytes: Uint8Array): string {
  const pair = (pairs ??= makePairs())
  const whole = bytes.length - (bytes.length % 3)
  let text = ""
  for (let at = 0; at < whole; at += 3) {
    const bits = ((bytes[at] ?? 0) << 16) | ((bytes[at + 1] ?? 0) << 8) | (bytes[at + 2] ?? 0)
    text += pair[bits >> 12] as string
    text += pair[bits & 0xfff] as string
  }
  return text + base64Tail(bytes, whole, pair)
}

/** Throws RangeError for text that is not base64 of our own making. */
export function base64ToBytes(text: string): Uint8Array<ArrayBuffer> {
  const length = text.length
  if (length % 4 !== 0) throw new RangeError("bytes are not base64")
  const value = (values ??= makeValues())
  const padding = length === 0 ? 0 : text[length - 2] === "=" ? 2 : text[length - 1] === "=" ? 1 : 0
  const bytes = new Bytes((length / 4) * 3 - padding)
  let to = 0
  for (let at = 0; at < length; at += 4) {
    const bits =
      ((value[text.charCodeAt(at)] ?? 0) << 18) |
      ((value[text.charCodeAt(at + 1)] ?? 0) << 12) |
      ((value[text.charCodeAt(at + 2)] ?? 0) << 6) |
      (value[text.charCodeAt(at + 3)] ?? 0)
    bytes[to++] = bits >> 16
    bytes[to++] = bits >> 8
    bytes[to++] = bits
  }
  return bytes
}

/** One character per byte (latin1): the cheapest way to carry bytes through a string channel. */
export function bytesToByteString(bytes: Uint8Array): string {
  let text = ""
  for (let at = 0; at < bytes.length; at += chunkBytes) {
    text += apply(fromCharCode, undefined, bytes.subarray(at, at + chunkBytes)) as string
  }
  return text
}

function makePairs(): string[] {
  const all: string[] = []
  for (const first of alphabet) for (const second of alphabet) all[all.length] = first + second
  return all
}

function makeValues(): Uint8Array {
  const all = new Bytes(128)
  for (let at = 0; at < 64; at++) all[alphabet.charCodeAt(at)] = at
  return all
}

function base64Tail(bytes: Uint8Array, whole: number, pair: readonly string[]): string {
  const rest = bytes.length - whole
  if (rest === 0) return ""
  const bits = ((bytes[whole] ?? 0) << 16) | ((bytes[whole + 1] ?? 0) << 8)
  const first = pair[bits >> 12] as string
  return rest === 1 ? `${first}==` : `${first}${alphabet[(bits >> 6) & 63] ?? ""}=`
}
