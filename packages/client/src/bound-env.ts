/** A copy of plain objects and arrays whose functions keep their `this`. What else there is stays as it is. */
export function boundEnv(value: unknown, seen = new Map<object, unknown>()): unknown {
  if (typeof value !== "object" || value === null) return value
  const known = seen.get(value)
  if (known !== undefined) return known
  const isArray = Array.isArray(value)
  const prototype: unknown = Object.getPrototypeOf(value)
  if (!isArray && prototype !== Object.prototype && prototype !== null) return value
  const into: object = isArray ? [] : {}
  seen.set(value, into)
  for (const [name, child] of Object.entries(value)) {
    const bound: unknown = typeof child === "function" ? child.bind(value) : boundEnv(child, seen)
    Object.defineProperty(into, name, { value: bound, enumerable: true, writable: true, configurable: true })
  }
  return into
}
