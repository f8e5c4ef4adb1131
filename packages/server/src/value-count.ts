import { MayflyError } from "@mayfly/protocol"

/** Values and names of fields that a JSON text may hold. */
export const maxJsonValues = 500_000

/** What each byte is: most are nothing. */
const kinds = new Uint8Array(256)
const [nothing, mark, quote, backslash] = [0, 1, 2, 3]
for (const sign of ",:[{") kinds[sign.charCodeAt(0)] = mark
kinds['"'.charCodeAt(0)] = quote
kinds["\\".charCodeAt(0)] = backslash

/**
 * Counts values before they are parsed. Bytes alone bound neither the time nor the memory of that: 96 MiB of `[[[[` take ten seconds, in which nobody else is
 * answered, and 3 GB; two of them ended the process. One long text is nearly free. What is no JSON counts for something, and is refused later.
 */
export class ValueCount {
  #count = 1
  #isInString = false
  /** Of the next bytes, when a backslash was the last one. */
  #skipped = 0

  /** The next bytes. Throws `server.too-large`. */
  add(bytes: Uint8Array): void {
    // In locals: fields take three times as long.
    let [count, isInString, at] = [this.#count, this.#isInString, this.#skipped]
    for (; at < bytes.length; at++) {
      const kind = kinds[bytes[at] ?? 0]
      if (kind === nothing) continue
      if (kind === quote) isInString = !isInString
      else if (isInString) at += kind === backslash ? 1 : 0
      else if (kind === mark) count++
    }
    this.#count = count
    this.#isInString = isInString
    this.#skipped = at - bytes.length
    if (count > maxJsonValues) throw tooMany()
  }
}

/** Throws `server.too-large`. */
export function checkJsonBytes(bytes: Uint8Array): void {
  if (bytes.byteLength > maxJsonValues) new ValueCount().add(bytes)
}

/** The same for JSON that came inside of a string. */
export function checkJsonText(text: string): void {
  if (text.length > maxJsonValues) new ValueCount().add(Buffer.from(text))
}

function tooMany(): MayflyError {
  return new MayflyError("server.too-large", `the JSON holds more than ${maxJsonValues} values and names`, {
    details: { limit: maxJsonValues },
    fix: 'Send large data as one text or as bytes, `{ "$bytes": "…base64…" }`, and take it apart in the program.',
  })
}
