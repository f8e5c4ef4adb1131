import { blobBytes, blobOf, File } from "./blob.ts"
import { concatBytes } from "./bytes.ts"
import { FormData, type FormDataEntry } from "./form-data.ts"
import { installedKernel } from "./installed-kernel.ts"

type Bytes = Uint8Array<ArrayBuffer>

export interface Multipart {
  readonly bytes: Bytes
  readonly contentType: string
}

const encoder = new TextEncoder()
const decoder = new TextDecoder()
const carriageReturn = 13
const lineBreak = /\r\n?|\n/g
const crlf = encoder.encode("\r\n")

/** https://html.spec.whatwg.org/multipage/form-control-infrastructure.html#multipart/form-data-encoding-algorithm */
export function serializeMultipart(entries: readonly FormDataEntry[]): Multipart {
  const boundary = `----formdata-mayfly-${randomDigits()}`
  const parts: Bytes[] = []
  for (const entry of entries) parts.push(encoder.encode(`--${boundary}\r\n`), ...partBytes(entry), crlf)
  parts.push(encoder.encode(`--${boundary}--\r\n`))
  return { bytes: concatBytes(parts), contentType: `multipart/form-data; boundary=${boundary}` }
}

/** Throws a TypeError for anything that is not multipart/form-data with this boundary. Takes ownership of `bytes`. */
export function parseMultipart(bytes: Bytes, boundary: string): FormData {
  const form = new FormData()
  const delimiter = encoder.encode(`\r\n--${boundary}`)
  // The first delimiter has no line break before it, unless there is a preamble.
  const isFirst = startsWith(bytes, 0, delimiter.subarray(2))
  let at = isFirst ? delimiter.length - 2 : after(bytes, 0, delimiter)
  for (;;) {
    if (startsWith(bytes, at, encoder.encode("--"))) return form
    const start = after(bytes, at, crlf, at)
    const end = indexOf(bytes, start, delimiter)
    // A part may be empty, so its header block may end right where the delimiter starts.
    if (end === -1) throw malformed()
    appendPart(form, bytes.subarray(start, end))
    at = end + delimiter.length
  }
}

function appendPart(form: FormData, part: Bytes): void {
  const headers = new Map<string, string>()
  let at = 0
  while (!startsWith(part, at, crlf)) {
    const end = indexOf(part, at, crlf)
    if (end === -1) throw malformed()
    const line = decoder.decode(part.subarray(at, end))
    const colon = line.indexOf(":")
    if (colon < 1) throw malformed()
    headers.set(line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim())
    at = end + crlf.length
  }
  const body = part.subarray(at + crlf.length)
  const disposition = headers.get("content-disposition") ?? ""
  const name = quotedParameter(disposition, "name")
  if (!/^form-data\s*;/i.test(disposition) || name === null) throw malformed()
  const filename = quotedParameter(disposition, "filename")
  if (filename === null) form.append(name, decoder.decode(body))
  else form.append(name, fileOf(body, filename, headers.get("content-type")))
}

function fileOf(body: Bytes, filename: string, type = "text/plain"): File {
  const blob = blobOf(body.slice(), type)
  return new File([blob], filename, { type })
}

function quotedParameter(disposition: string, name: string): string | null {
  const quoted = new RegExp(`;\\s*${name}="([^"]*)"`, "i").exec(disposition)
  const value = quoted ?? new RegExp(`;\\s*${name}=([^\\s;"]+)`, "i").exec(disposition)
  return value?.[1]?.replace(/%0A/gi, "\n").replace(/%0D/gi, "\r").replace(/%22/g, '"') ?? null
}

function partBytes([name, value]: FormDataEntry): Bytes[] {
  const disposition = `Content-Disposition: form-data; name="${escapeQuotes(name.replace(lineBreak, "\r\n"))}"`
  if (typeof value === "string") {
    return [encoder.encode(`${disposition}\r\n\r\n${value.replace(lineBreak, "\r\n")}`)]
  }
  const type = value.type === "" ? "application/octet-stream" : value.type
  const head = `${disposition}; filename="${escapeQuotes(value.name)}"\r\nContent-Type: ${type}\r\n\r\n`
  return [encoder.encode(head), blobBytes(value) ?? new Uint8Array()]
}

function escapeQuotes(text: string): string {
  return text.replace(/\n/g, "%0A").replace(/\r/g, "%0D").replace(/"/g, "%22")
}

/** The position behind `pattern`, which must start at `exactly` when that is given. */
function after(bytes: Bytes, from: number, pattern: Bytes, exactly?: number): number {
  const at = indexOf(bytes, from, pattern)
  if (at === -1 || (exactly !== undefined && at !== exactly)) throw malformed()
  return at + pattern.length
}

/** `pattern` starts with a carriage return: the native search for that byte makes long binary parts cheap. */
function indexOf(bytes: Bytes, from: number, pattern: Bytes): number {
  let at = bytes.indexOf(carriageReturn, from)
  while (at !== -1 && !startsWith(bytes, at, pattern)) at = bytes.indexOf(carriageReturn, at + 1)
  return at
}

function startsWith(bytes: Bytes, at: number, pattern: Bytes): boolean {
  return pattern.every((byte, index) => bytes[at + index] === byte)
}

function randomDigits(): string {
  const bytes = new Uint8Array(installedKernel().entropy(12))
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("")
}

function malformed(): TypeError {
  return new TypeError("The body is not valid multipart/form-data")
}
