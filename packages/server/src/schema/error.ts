import { z } from "zod"

export const errorFields = z
  .object({
    code: z.string().describe("Stable; docs/reference/errors.md has all of them."),
    message: z.string().describe("For people; may change."),
    fix: z.string().describe("What to change."),
    retry: z.boolean().describe("Whether the same call may simply be made again."),
    details: z.record(z.string(), z.unknown()).describe("For `input.invalid` the `path` of the field."),
  })
  .meta({ id: "ErrorFields" })

/** The body of every answer that is a failure. */
export const errorSchema = z
  .object({ error: errorFields.extend({ requestId: z.string().describe("As in the header x-request-id.") }) })
  .meta({ id: "Error" })
