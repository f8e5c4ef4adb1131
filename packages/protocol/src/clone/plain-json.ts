import { CloneTooLargeError } from "./clone-error.ts"

// Taken at evaluation: this file also runs inside isolates, where guest code may replace intrinsics later.
const { isArray } = Array
const { keys } = Object
const { getPrototypeOf, apply } = Reflect
const objectPrototype = Object.prototype
const SetOf = Set
const setHas = Set.prototype.has
const setAdd = Set.prototype.add
const maxDepth = 200

/**
 * Whether JSON carries `value` exactly: plain objects and dense arrays of strings, booleans, null and ordinary numbers, each object
 * reached once. Most inputs and results are, and JSON.stringify is several times faster than the flat list.
 * Throws CloneTooLargeError when the text must be longer than `maxLength`, and what a getter throws.
 */
export function isPlainJson(value: unknown, maxLength: number): boolean {
  return new PlainCheck(maxLength).check(value, 0)
}

class PlainCheck {
  readonly #maxLength: number
  readonly #seen = new SetOf<object>()
  #length = 0

  constructor(maxLength: number) {
    this.#maxLength = maxLength
  }

  check(value: unknown, depth: number): boolean {
    switch (typeof value) {
      case "string":
        this.#count(value.length + 2)
        return true
      case "number":
        // Not NaN, not infinite, not -0.
        return value - value === 0 && (value !== 0 || 1 / value > 0)
      case "boolean":
        return true
      case "object":
        return value === null || this.#object(value, depth)
      default:
        return false
    }
  }

  #count(length: number): void {
    this.#length += length
    if (this.#length > this.#maxLength) throw new CloneTooLargeError(this.#maxLength, this.#length)
  }

  #object(value: object, depth: number): boolean {
    if (depth > maxDepth || (apply(setHas, this.#seen, [value]) as boolean)) return false
    apply(setAdd, this.#seen, [value])
    const isList = isArray(value)
    const prototype = getPrototypeOf(value)
    // Before the names are listed: those of bytes are as many as the bytes.
    if (!isList && prototype !== objectPrototype && prototype !== null) return false
    const names = keys(value)
    this.#count(names.length * 2)
    if (isList) return this.#array(value, names.length, depth)
    for (let at = 0; at < names.length; at++) {
      const name = names[at] as string
      this.#count(name.length + 2)
      if (name === "toJSON" || !this.check((value as Record<string, unknown>)[name], depth + 1)) return false
    }
    return true
  }

  #array(value: readonly unknown[], names: number, depth: number): boolean {
    if (names !== value.length || getPrototypeOf(value) === null) return false
    for (let at = 0; at < names; at++) if (!this.check(value[at], depth + 1)) return false
    return true
  }
}
