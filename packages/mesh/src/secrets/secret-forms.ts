/** A secret that was brokered: its name may be told, its value never. */
export interface SecretValue {
  readonly name: string
  readonly value: string
}

/** Shorter ones would be found in ordinary text; a store must not take them. */
export const minSecretLength = 8

/**
 * The byte sequences in which a server, or a guest, may give a secret back: as it is, in JSON, in a URL, in hexadecimal
 * and in base64 with any bytes before it ("Basic dXNlcjpz…" holds the secret in the middle of an encoded text).
 */
export function secretForms(value: string): readonly Buffer[] {
  const bytes = Buffer.from(value)
  const texts = [
    ...jsonForms(value),
    ...urlForms(value),
    bytes.toString("hex"),
    bytes.toString("hex").toUpperCase(),
    ...base64Forms(bytes),
  ]
  const reversed = Array.from(value).toReversed().join("")
  return [...new Set([value, reversed, ...texts])]
    .filter((text) => text.length >= minSecretLength)
    .map((text) => Buffer.from(text))
}

function jsonForms(value: string): string[] {
  const json = JSON.stringify(value).slice(1, -1)
  return [json, json.replaceAll("/", "\\/"), escapeAll(value)]
}

/** "\u0041…": what a cautious serializer makes of every character. */
function escapeAll(value: string): string {
  return Array.from(
    { length: value.length },
    (_, at) => `\\u${value.charCodeAt(at).toString(16).padStart(4, "0")}`,
  ).join("")
}

function urlForms(value: string): string[] {
  const component = encodeURIComponent(value)
  const form = new URLSearchParams([["", value]]).toString().slice(1)
  const every = Array.from(Buffer.from(value), (byte) => `%${byte.toString(16).padStart(2, "0")}`).join("")
  return [component, form, every].flatMap((text) => [text, lowerEscapes(text), upperEscapes(text)])
}

function lowerEscapes(text: string): string {
  return text.replaceAll(/%[0-9A-F]{2}/gi, (escape) => escape.toLowerCase())
}

function upperEscapes(text: string): string {
  return text.replaceAll(/%[0-9A-F]{2}/gi, (escape) => escape.toUpperCase())
}

/** Base64 depends on how many bytes stand before. What neighbours have a part in is cut off on both sides. */
function base64Forms(bytes: Buffer): string[] {
  return [0, 1, 2].flatMap((before) => {
    const shifted = Buffer.concat([Buffer.alloc(before), bytes])
    const text = shifted.toString("base64").replaceAll("=", "")
    const fromBit = before * 8
    const toBit = shifted.length * 8
    const inner = text.slice(Math.ceil(fromBit / 6), Math.floor(toBit / 6))
    return [inner, inner.replaceAll("+", "-").replaceAll("/", "_")]
  })
}
