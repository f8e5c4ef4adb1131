const encoder = new TextEncoder()
const hexDigits = "0123456789ABCDEF"

/**
 * Stands in for `@exodus/bytes/whatwg.js`. Encodes C0 controls, everything above "~", and the characters of `extra`.
 * `encoding` is always UTF-8 here. https://url.spec.whatwg.org/#string-percent-encode-after-encoding
 */
export function percentEncodeAfterEncoding(_encoding: string, text: string, extra: string): string {
  let encoded = ""
  for (const byte of encoder.encode(text)) {
    const character = String.fromCharCode(byte)
    const isPlain = byte > 0x1f && byte < 0x7f && !extra.includes(character)
    encoded += isPlain ? character : `%${hexDigits.charAt(byte >> 4)}${hexDigits.charAt(byte & 15)}`
  }
  return encoded
}
