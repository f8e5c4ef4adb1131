/** Own and inherited methods of a class instance, without Object's. */
export function methodNames(instance: object): string[] {
  const names = new Set<string>()
  for (
    let at: object | null = instance;
    at !== null && at !== Object.prototype;
    at = Object.getPrototypeOf(at) as object | null
  ) {
    for (const [name, { value }] of Object.entries(Object.getOwnPropertyDescriptors(at))) {
      if (typeof value === "function" && name !== "constructor") names.add(name)
    }
  }
  return [...names]
}
