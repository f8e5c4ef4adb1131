import type { Kernel } from "../kernel.ts"
import { argumentError } from "./argument-error.ts"
import { fromCodeUnits } from "./code-units.ts"
import { defineFunctions } from "./define-global.ts"
import { DOMException } from "./dom-exception.ts"

const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
const padding = 61
const invalid = 64

/** https://html.spec.whatwg.org/#atob */
export function installBase64(kernel: Kernel): void {
  defineFunctions(kernel, {
    atob: (...values: unknown[]) => decode(readInput(values)),
    btoa: (...values: unknown[]) => encode(readInput(values)),
  })
}

function readInput(values: unknown[]): string {
  if (values.length === 0) throw argumentError('The "input" argument must be specified', "ERR_MISSING_ARGS")
  return `${values[0]}`
}

let codes: Uint8Array | null = null
let values: Uint8Array | null = null

/** Built on first use: most programs use no base64. */
function encodeTable(): Uint8Array {
  return (codes ??= Uint8Array.from(alphabet, (letter) => letter.charCodeAt(0)))
}

function decodeTable(): Uint8Array {
  if (values !== null) return values
  values = new Uint8Array(128).fill(invalid)
  for (let value = 0; value < 64; value++) values[alphabet.charCodeAt(value)] = value
  return values
}

function encode(text: string): string {
  const table = encodeTable()
  const output = new Uint8Array(Math.ceil(text.length / 3) * 4)
  let seen = 0
  let at = 0
  for (let index = 0; index < text.length; index += 3) {
    const first = text.charCodeAt(index)
    // Past the end charCodeAt gives NaN, which the bit operations take for 0.
    const second = text.charCodeAt(index + 1)
    const third = text.charCodeAt(index + 2)
    seen |= first | second | third
    const bits = (first << 16) | (second << 8) | third
    output[at++] = table[(bits >> 18) & 63] ?? 0
    output[at++] = table[(bits >> 12) & 63] ?? 0
    output[at++] = table[(bits >> 6) & 63] ?? 0
    output[at++] = table[bits & 63] ?? 0
  }
  if (seen > 0xff) throw new DOMException("Invalid character", "InvalidCharacterError")
  const excess = (3 - (text.length % 3)) % 3
  output.fill(padding, output.length - excess)
  return fromCodeUnits(output)
}

function decode(given: string): string {
  const text = withoutPadding(/[\t\n\f\r ]/.test(given) ? given.replace(/[\t\n\f\r ]+/g, "") : given)
  if (text.length % 4 === 1) throw notBase64()
  const table = decodeTable()
  const output = new Uint8Array(Math.floor((text.length * 3) / 4) + 2)
  const valueAt = (index: number): number => table[text.charCodeAt(index)] ?? invalid
  const whole = text.length & ~3
  let seen = 0
  let at = 0
  for (let index = 0; index < whole; index += 4) {
    const first = valueAt(index)
    const second = valueAt(index + 1)
    const third = valueAt(index + 2)
    const fourth = valueAt(index + 3)
    seen |= first | second | third | fourth
    const bits = (first << 18) | (second << 12) | (third << 6) | fourth
    output[at++] = bits >> 16
    output[at++] = bits >> 8
    output[at++] = bits
  }
  if (whole < text.length) {
    const third = whole + 2 < text.length ? valueAt(whole + 2) : 0
    seen |= valueAt(whole) | valueAt(whole + 1) | third
    output[at] = (valueAt(whole) << 2) | (valueAt(whole + 1) >> 4)
    output[at + 1] = (valueAt(whole + 1) << 4) | (third >> 2)
  }
  if (seen >= invalid) throw notBase64()
  return fromCodeUnits(output, output.length - 2)
}

/** Only text of whole groups may be padded: https://infra.spec.whatwg.org/#forgiving-base64-decode */
function withoutPadding(text: string): string {
  if (text.length % 4 !== 0) return text
  if (text.endsWith("==")) return text.slice(0, -2)
  return text.endsWith("=") ? text.slice(0, -1) : text
}

function notBase64(): DOMException {
  return new DOMException("The string to be decoded is not correctly encoded.", "InvalidCharacterError")
}
