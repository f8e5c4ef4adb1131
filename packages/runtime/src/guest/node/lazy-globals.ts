/** An object that has globals as properties without touching them, so that their chunks are loaded only when they are read. */
export function lazyGlobals(names: readonly string[]): Record<string, unknown> {
  const object: Record<string, unknown> = {}
  for (const name of names) {
    const get = (): unknown => (globalThis as Record<string, unknown>)[name]
    Object.defineProperty(object, name, { get, enumerable: true, configurable: true })
  }
  return object
}
