/** The few shapes of ASN.1 that a certificate is written in (X.690, DER). Only writes; nothing that others sent is read. */

type Part = Uint8Array | string

export function sequence(...parts: readonly Part[]): Buffer {
  return tagged(0x30, ...parts)
}

export function setOf(...parts: readonly Part[]): Buffer {
  return tagged(0x31, ...parts)
}

/** A number above zero, from its bytes. */
export function integer(bytes: Uint8Array): Buffer {
  const isNegative = ((bytes[0] ?? 0) & 0x80) !== 0
  return tagged(0x02, isNegative ? Buffer.concat([Buffer.from([0]), bytes]) : bytes)
}

export function boolean(value: boolean): Buffer {
  return tagged(0x01, Buffer.from([value ? 0xff : 0]))
}

/** `unused`: how many of the last bits are none. */
export function bits(bytes: Uint8Array, unused = 0): Buffer {
  return tagged(0x03, Buffer.from([unused]), bytes)
}

export function octets(bytes: Uint8Array): Buffer {
  return tagged(0x04, bytes)
}

export function utf8(text: string): Buffer {
  return tagged(0x0c, text)
}

/** GeneralizedTime, in whole seconds. */
export function time(at: number): Buffer {
  const text = new Date(at).toISOString().replaceAll(/[-:T]/g, "").slice(0, 14)
  return tagged(0x18, `${text}Z`)
}

/** An object identifier from its dotted form. */
export function identifier(dotted: string): Buffer {
  const [first = 0, second = 0, ...rest] = dotted.split(".").map(Number)
  return tagged(0x06, Buffer.from([first * 40 + second, ...rest.flatMap(base128)]))
}

/** A part with a tag of the structure's own: 0x80 + n for a plain one, 0xa0 + n for one that holds others. */
export function tagged(tag: number, ...parts: readonly Part[]): Buffer {
  const body = Buffer.concat(parts.map((part) => (typeof part === "string" ? Buffer.from(part) : part)))
  return Buffer.concat([Buffer.from([tag, ...lengthOf(body.length)]), body])
}

function lengthOf(length: number): readonly number[] {
  if (length < 0x80) return [length]
  return length < 0x100 ? [0x81, length] : [0x82, length >> 8, length & 255]
}

function base128(value: number): readonly number[] {
  const digits = [value & 127]
  for (let rest = value >> 7; rest > 0; rest >>= 7) digits.unshift((rest & 127) | 128)
  return digits
}
