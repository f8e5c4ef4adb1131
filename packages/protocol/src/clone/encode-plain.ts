import { CloneTooLargeError } from "./clone-error.ts"
import { isPlainJson } from "./plain-json.ts"

// Taken at evaluation: this file also runs inside isolates, where guest code may replace intrinsics later.
const { stringify } = JSON
const { hasOwn } = Object
const objectPrototype = Object.prototype
const arrayPrototype = Array.prototype

/** The encoded form of undefined: a constant, as many programs give nothing. */
export const encodedUndefined = 't[["u"]]'

/**
 * The encoded form of a value that JSON carries exactly, or undefined for all others: those take `encodeValue`. Small enough to be in every isolate.
 * Throws CloneTooLargeError.
 */
export function encodePlain(value: unknown, maxLength: number): string | undefined {
  // A program may have put a toJSON where JSON.stringify finds it for every object.
  if (hasOwn(objectPrototype, "toJSON") || hasOwn(arrayPrototype, "toJSON")) return undefined
  try {
    return isPlainJson(value, maxLength) ? `j${stringify(value)}` : undefined
  } catch (error) {
    if (error instanceof CloneTooLargeError) throw error
    // A getter or proxy threw: the walk over nodes finds it again and names its path.
    return undefined
  }
}
