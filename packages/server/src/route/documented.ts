import type { z } from "zod"

const documents = new WeakMap<object, z.ZodType>()

/**
 * Checks with one schema and documents with another: for text that becomes a value, and for what must not be walked through here because it is large,
 * or because what it is given to checks it.
 */
export function documented<Schema extends z.ZodType>(checks: Schema, says: z.ZodType): Schema {
  documents.set(checks, says)
  return checks
}

export function documentOf(schema: object): z.ZodType | undefined {
  return documents.get(schema)
}
