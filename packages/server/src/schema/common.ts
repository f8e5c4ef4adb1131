import { z } from "zod"
import { documented } from "../route/documented.ts"
import { wholeNumber } from "../route/query-values.ts"

/** Checked by what takes it: here it must not be walked through. */
export const opaque = (says: z.ZodType) => documented(z.unknown(), says)

/** A value as tagged JSON. */
export const taggedSchema = z
  .unknown()
  .describe('Tagged JSON: plain where nothing is lost, else an object such as `{ "$date": … }`.')

export const tenantField = z
  .string()
  .optional()
  .describe('Whose it is. Default: the tenant of the key, "default" for an admin key of all tenants.')

export const tenantQuery = z.strictObject({ tenant: tenantField })

const cursorField = z.string().max(500).optional().describe("`cursor` of the page before.")

/** Parameters of every list. */
export const pageQuery = tenantQuery.extend({
  limit: wholeNumber(1, 1_000).optional().describe("Entries of a page. Default 100."),
  cursor: cursorField,
})

/** What stands beside the entries of a page. */
export const nextCursor = z.string().optional().describe("For the next page. Missing on the last one.")

export const epochMs = z.int().describe("Epoch milliseconds.")
