import { MayflyError } from "@mayfly/protocol"

/** Throws `input.invalid` unless `value` is a plain object. */
export function asRecord(value: unknown, path: string): Record<string, unknown> {
  if (typeof value === "object" && value !== null && !Array.isArray(value)) return value as Record<string, unknown>
  throw invalid(
    path,
    `must be an object, not ${value === null ? "null" : Array.isArray(value) ? "an array" : `a ${typeof value}`}`,
  )
}

/** Throws `input.invalid` for a field that is not known: a misspelt limit must not silently be none. */
export function checkFields(given: Record<string, unknown>, known: readonly string[], path: string): void {
  for (const name of Object.keys(given)) {
    if (!known.includes(name))
      throw invalid(path === "" ? name : `${path}.${name}`, `is not a field; the fields are ${known.join(", ")}`)
  }
}

export function invalid(path: string, problem: string): MayflyError {
  return new MayflyError("input.invalid", `${path} ${problem}`, { details: { path } })
}
