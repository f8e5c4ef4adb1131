import { invalid } from "./parse-fields.ts"

/** The tenant that a request names, "default" when it names none. Throws `input.invalid`. */
export function tenantOf(value: unknown): string {
  if (value === undefined) return "default"
  if (typeof value === "string" && value !== "" && value.length <= 200) return value
  throw invalid("tenant", "must be a text of 1 to 200 characters")
}
