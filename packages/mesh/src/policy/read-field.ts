import { MayflyError } from "@mayfly/protocol"

/** Reads the untrusted fields of a policy. Each throws `input.invalid` that names the field. */
export function readObject(value: unknown, field: string, known: readonly string[]): Readonly<Record<string, unknown>> {
  const fields = readRecord(value, field)
  const unknown = Object.keys(fields).find((key) => !known.includes(key))
  // A misspelt restriction would restrict nothing.
  if (unknown !== undefined) {
    throw invalidField(`${field}.${unknown.slice(0, 100)}`, `is not known; known are ${known.join(", ")}`)
  }
  return fields
}

export function readRecord(value: unknown, field: string): Readonly<Record<string, unknown>> {
  if (typeof value !== "object" || value === null || Array.isArray(value))
    throw invalidField(field, "must be an object")
  // Own fields only: nothing inherited may loosen a policy.
  return Object.assign(Object.create(null), value)
}

export function readList<T>(value: unknown, field: string, read: (item: unknown, field: string) => T): T[] | null {
  if (value === undefined) return null
  if (!Array.isArray(value)) throw invalidField(field, "must be a list")
  if (value.length > maxItems) throw invalidField(field, `must have at most ${maxItems} entries`)
  return Array.from(value, (item: unknown, index) => read(item, `${field}[${index}]`))
}

export function readText(value: unknown, field: string): string {
  if (typeof value === "string" && value.length <= maxTextLength) return value
  throw invalidField(field, `must be a text of at most ${maxTextLength} characters`)
}

/** A whole number above 0, or null when nothing is given. */
export function readCount(value: unknown, field: string): number | null {
  if (value === undefined) return null
  if (typeof value === "number" && Number.isSafeInteger(value) && value > 0) return value
  throw invalidField(field, "must be a whole number above 0")
}

export function invalidField(field: string, problem: string): MayflyError {
  return new MayflyError("input.invalid", `${field} ${problem}`, { details: { field } })
}

const maxItems = 1000
const maxTextLength = 2048
