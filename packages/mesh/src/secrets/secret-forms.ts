/** A secret that was brokered: its name may be told, its value never. */
export interface SecretValue {
  readonly name: string
  readonly value: string
}

/** Shorter ones would be found in ordinary text; a store must not take them. */
export const minSecretLength = 8

/**
 * The byte sequences in which a server, or a guest, may give a secret back: as it is, in another case (names of headers are lower-case), in JSON,
 * in HTML, in a URL, in hexadecimal, in Latin-1 and UTF-16, and in base64 with any bytes before it ("Basic dXNlcjpz…" holds the secret in the middle
 * of an encoded text). None holds a line feed: what stands before one needs no holding back.
 */
export function secretForms(value: string): readonly Buffer[] {
  const bytes = Buffer.from(value)
  const encoded = base64Forms(bytes)
  const texts = [
    value.toLowerCase(),
    value.toUpperCase(),
    Array.from(value).toReversed().join(""),
    ...jsonForms(value),
    ...htmlForms(value),
    ...urlForms(value),
    bytes.toString("hex"),
    bytes.toString("hex").toUpperCase(),
    ...encoded.flatMap((text) => [text, text.replaceAll("/", "\\/"), encodeURIComponent(text)]),
  ]
  const forms = [...new Set([value, ...texts])].map((text) => Buffer.from(text))
  return [...forms, Buffer.from(value, "utf16le"), ...latin1Forms(value)].filter(
    (form) => form.length >= minSecretLength && !form.includes(lineFeed),
  )
}

const lineFeed = 10

/** In ASCII it is what UTF-8 is. */
function latin1Forms(value: string): Buffer[] {
  return /[\x80-\xff]/.test(value) && /^[\0-\xff]*$/.test(value) ? [Buffer.from(value, "latin1")] : []
}

/** What escaping for HTML leaves: of most libraries, and of those that escape more (Handlebars, Mustache). */
function htmlForms(value: string): string[] {
  const named = value.replaceAll(/[&<>"]/g, (found) => `&${htmlNames[found] ?? ""};`)
  const most = named.replaceAll("'", "&#39;")
  const hexadecimal = named.replaceAll("'", "&#x27;")
  const careful = hexadecimal.replaceAll("`", "&#x60;").replaceAll("=", "&#x3D;")
  return [most, hexadecimal, careful, careful.replaceAll("/", "&#x2F;")]
}

const htmlNames: Readonly<Record<string, string>> = { "&": "amp", "<": "lt", ">": "gt", '"': "quot" }

function jsonForms(value: string): string[] {
  const json = JSON.stringify(value).slice(1, -1)
  // Go and Python's web frameworks escape what HTML has a meaning for; .NET that and more, with upper-case digits.
  const [lower, upper] = [escapeSome(json, /[<>&]/g), escapeSome(json.replaceAll('\\"', '"'), /[<>&'"+`]/g)]
  const careful = [json, lower, escapeSome(json, /[<>&'+`]/g), upperDigits(upper)]
  return [...careful.flatMap((text) => [text, text.replaceAll("/", "\\/")]), escapeAll(value)]
}

function escapeSome(json: string, characters: RegExp): string {
  return json.replaceAll(characters, escapeAll)
}

function upperDigits(text: string): string {
  return text.replaceAll(/\\u[0-9a-f]{4}/g, (found) => `\\u${found.slice(2).toUpperCase()}`)
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
  // Servers differ in what they leave as it is.
  const kept = ["/", "+", "=", "/+", "/=", "+=", "/+="].map((characters) =>
    Array.from(characters).reduce((text, one) => text.replaceAll(encodeURIComponent(one), one), component),
  )
  return [component, ...kept, form, every].flatMap((text) => [text, lowerEscapes(text), upperEscapes(text)])
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
