import { MayflyError } from "@mayfly/protocol"

/** The value itself, when it is data all through. Throws `input.invalid` for a function, which can't be sent. */
export function withoutFunctions<T>(value: T, path = "", seen = new Set<object>()): T {
  if (typeof value === "function") {
    throw new MayflyError("input.invalid", `${path} is a function of this process, which can't be sent to a server`, {
      details: { path },
      fix: 'Give the program as a text in "code"; functions are for the library and for a served worker.',
    })
  }
  if (typeof value !== "object" || value === null || seen.has(value)) return value
  seen.add(value)
  for (const [name, child] of Object.entries(value)) {
    const at = Array.isArray(value) ? `${path}[${name}]` : path === "" ? name : `${path}.${name}`
    withoutFunctions(child, at, seen)
  }
  return value
}
