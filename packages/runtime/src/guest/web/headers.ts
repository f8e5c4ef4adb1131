import { forEachLive, isIterable, iterateLive, requireArguments, requireFunction } from "./pair-list.ts"

export type HeaderPair = readonly [name: string, value: string]

const token = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/
const surroundingSpace = /^[\t\n\r ]+|[\t\n\r ]+$/g
const forbiddenInValue = /[\0\r\n]/
const beyondByte = /[^\0-\xFF]/

/** From then on every change throws a TypeError, as for the headers of a fetched response. */
export let makeImmutable: (headers: Headers) => void
/** The sorted list that iterating gives. The caller must not change it. */
export let headerPairs: (headers: Headers) => readonly HeaderPair[]
/** A changeable copy, or null when `value` is not a Headers. Unlike `new Headers(value)` it runs no guest code. */
export let copyHeaders: (value: unknown) => Headers | null

/**
 * https://fetch.spec.whatwg.org/#headers-class. Names are kept in lower case. Of the guards there is
 * only "immutable": the others protect a browser's user.
 */
export class Headers {
  static {
    makeImmutable = (headers) => {
      headers.#isImmutable = true
    }
    headerPairs = (headers) => headers.#pairs()
    copyHeaders = (value) => {
      if (typeof value !== "object" || value === null || !(#values in value)) return null
      const copy = new Headers()
      for (const [name, values] of value.#values) copy.#values.set(name, [...values])
      return copy
    }
  }

  #values = new Map<string, string[]>()
  #isImmutable = false
  // Sorting is what iterating costs; the order is kept until something changes.
  #sorted: readonly HeaderPair[] | null = null

  constructor(init: unknown = {}) {
    const copy = copyHeaders(init)
    if (copy !== null) this.#values = copy.#values
    else for (const [name, value] of initPairs(init)) this.append(name, value)
  }

  append(name: unknown, value: unknown): void {
    requireArguments(arguments.length, 2, "Headers.append")
    const key = headerName(name)
    const text = headerValue(value)
    this.#change()
    const values = this.#values.get(key)
    if (values === undefined) this.#values.set(key, [text])
    else values.push(text)
  }

  delete(name: unknown): void {
    requireArguments(arguments.length, 1, "Headers.delete")
    const key = headerName(name)
    this.#change()
    this.#values.delete(key)
  }

  get(name: unknown): string | null {
    requireArguments(arguments.length, 1, "Headers.get")
    return this.#values.get(headerName(name))?.join(", ") ?? null
  }

  getSetCookie(): string[] {
    return [...(this.#values.get("set-cookie") ?? [])]
  }

  has(name: unknown): boolean {
    requireArguments(arguments.length, 1, "Headers.has")
    return this.#values.has(headerName(name))
  }

  set(name: unknown, value: unknown): void {
    requireArguments(arguments.length, 2, "Headers.set")
    const key = headerName(name)
    const text = headerValue(value)
    this.#change()
    this.#values.set(key, [text])
  }

  forEach(callback: unknown, thisArgument?: unknown): void {
    requireFunction(callback, "Headers.forEach")
    forEachLive(this.#live(), (name, value) => Reflect.apply(callback, thisArgument, [value, name, this]))
  }

  entries(): Generator<[string, string]> {
    return iterateLive(this.#live(), ([name, value]) => [name, value])
  }

  keys(): Generator<string> {
    return iterateLive(this.#live(), ([name]) => name)
  }

  values(): Generator<string> {
    return iterateLive(this.#live(), ([, value]) => value)
  }

  [Symbol.iterator](): Generator<[string, string]> {
    return this.entries()
  }

  get [Symbol.toStringTag](): string {
    return "Headers"
  }

  #live(): () => readonly HeaderPair[] {
    return () => this.#pairs()
  }

  #pairs(): readonly HeaderPair[] {
    return (this.#sorted ??= sortedPairs(this.#values))
  }

  #change(): void {
    if (this.#isImmutable) throw new TypeError("The headers are immutable")
    this.#sorted = null
  }
}

function sortedPairs(values: ReadonlyMap<string, readonly string[]>): HeaderPair[] {
  const pairs: HeaderPair[] = []
  for (const name of [...values.keys()].sort()) {
    const list = values.get(name) ?? []
    // Cookies may contain commas, so they are the one header that is never combined.
    if (name === "set-cookie") for (const value of list) pairs.push([name, value])
    else pairs.push([name, list.join(", ")])
  }
  return pairs
}

function initPairs(init: unknown): (readonly [unknown, unknown])[] {
  if ((typeof init !== "object" && typeof init !== "function") || init === null) {
    throw new TypeError("Headers: init is neither a sequence of pairs nor a record")
  }
  if (!isIterable(init)) return recordPairs(init)
  return Array.from(init, pairOf)
}

function pairOf(item: unknown): readonly [unknown, unknown] {
  if (typeof item !== "object" || item === null) throw new TypeError("Headers: a pair is not a sequence")
  const values = Array.from(item as Iterable<unknown>)
  if (values.length !== 2) throw new TypeError("Headers: a pair does not have exactly two items")
  return [values[0], values[1]]
}

function recordPairs(record: object): (readonly [unknown, unknown])[] {
  const isEnumerable = (key: PropertyKey): boolean => Reflect.getOwnPropertyDescriptor(record, key)?.enumerable === true
  return Reflect.ownKeys(record)
    .filter(isEnumerable)
    .map((key) => [key, Reflect.get(record, key)])
}

function headerName(name: unknown): string {
  const text = `${name as string}`
  if (!token.test(text)) throw new TypeError(`"${text}" is not a valid header name`)
  return text.toLowerCase()
}

function headerValue(value: unknown): string {
  const text = `${value as string}`.replace(surroundingSpace, "")
  if (beyondByte.test(text)) throw new TypeError("A header value has a character above U+00FF")
  if (forbiddenInValue.test(text)) throw new TypeError("A header value has a line break or a null character")
  return text
}
