import { z } from "zod"
import { ledgerRow } from "./network.ts"

export const recordedRow = ledgerRow
  .extend({
    outcome: z
      .enum(["known", "pending", "unknown"])
      .describe("unknown: the process ended before it could say; bytes may have left."),
    hash: z.string(),
    previousHash: z.string(),
    outcomeHash: z.string().nullable(),
  })
  .meta({ id: "RecordedRow" })

export const verification = z
  .union([
    z.object({
      ok: z.literal(true),
      entries: z.int(),
      rows: z.int(),
      head: z.object({ seq: z.int(), hash: z.string() }),
    }),
    z.object({
      ok: z.literal(false),
      entries: z.int(),
      problem: z.looseObject({ kind: z.string(), message: z.string() }),
    }),
  ])
  .meta({ id: "Verification" })

export const runSummary = z
  .object({
    runId: z.string(),
    attempts: z.int(),
    refused: z.int(),
    bytesIn: z.number(),
    bytesOut: z.number(),
    lines: z.array(z.string()),
    text: z.string(),
  })
  .meta({ id: "RunSummary" })
