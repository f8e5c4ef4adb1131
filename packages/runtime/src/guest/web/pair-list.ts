/**
 * A live iterator over a list that may change while it runs: each step looks at the list anew, by position.
 * https://webidl.spec.whatwg.org/#es-iterable
 */
export function* iterateLive<From, To>(
  list: () => readonly From[],
  pick: (item: From) => To,
): Generator<To, undefined> {
  for (let index = 0; ; index++) {
    const items = list()
    if (index >= items.length) return undefined
    yield pick(items[index] as From)
  }
}

/** What `forEach` of Headers and FormData does. */
export function forEachLive<Value>(
  list: () => readonly (readonly [string, Value])[],
  visit: (name: string, value: Value) => void,
): void {
  for (let index = 0, items = list(); index < items.length; index++, items = list()) {
    const [name, value] = items[index] as readonly [string, Value]
    visit(name, value)
  }
}

/** Web IDL: whether an object is a sequence rather than a record. */
export function isIterable(value: object): value is Iterable<unknown> {
  const method: unknown = Reflect.get(value, Symbol.iterator)
  return method !== undefined && method !== null
}

export function requireFunction(value: unknown, method: string): asserts value is (...values: unknown[]) => unknown {
  if (typeof value !== "function") throw new TypeError(`${method}: the argument is not a function`)
}

/** Web IDL: fewer arguments than the method needs are an error, unlike `undefined` ones. */
export function requireArguments(count: number, needed: number, method: string): void {
  if (count < needed) throw new TypeError(`${method}: ${needed} argument(s) required, but only ${count} present`)
}
