import { limitTable } from "@mayfly/protocol"
import { z } from "zod"
import { epochMs, nextCursor } from "./common.ts"
import { errorFields } from "./error.ts"
import { logLine, usage } from "./run.ts"
import { taggedSchema } from "./common.ts"

export const usageTotals = z
  .object({
    runs: z.int(),
    failedRuns: z.int(),
    cpuMs: z.number(),
    wallMs: z.number(),
    memoryGbMs: z.number().describe("Memory held times the time that it was held."),
    bytesIn: z.number(),
    bytesOut: z.number(),
    subRequests: z.int(),
    bindingCalls: z.int(),
    workflowInstances: z.int(),
    workflowSteps: z.int(),
    sandboxMs: z.number().describe("Time that sandboxes were awake."),
    sandboxCpuMs: z.number(),
    sandboxMemoryGbMs: z.number(),
  })
  .meta({ id: "UsageTotals" })

export const usageReport = z
  .object({
    from: z.string(),
    to: z.string(),
    rows: z.array(
      usageTotals.extend({ tenant: z.string().optional(), worker: z.string().optional(), day: z.string().optional() }),
    ),
    total: usageTotals.describe("Of all rows, on whichever page."),
    cursor: nextCursor,
    compared: z
      .object({
        asOf: z.string().describe("When the prices were looked up."),
        services: z.array(z.object({ service: z.string(), usd: z.number(), assumes: z.string(), source: z.string() })),
      })
      .optional()
      .describe("What the total would cost at published prices."),
  })
  .meta({ id: "UsageReport" })

const count = z.int().nullable().optional()
const limitFields = Object.keys(limitTable).map((name): [string, z.ZodType] => [name, z.number().optional()])

export const quota = z
  .strictObject({
    concurrentRuns: count.describe("Runs under way at once; more wait for their turn."),
    queuedRuns: z.int().optional().describe("Runs that may wait. Default 1,000."),
    runsPerSecond: z.number().nullable().optional(),
    burst: z.int().optional().describe("Runs that may begin at once. Default: those of one second."),
    limits: z.strictObject(Object.fromEntries(limitFields)).optional().describe("The highest that runs may ask for."),
    sandboxes: count,
    workflows: count.describe("Instances that have not ended."),
    workers: count.describe("Named workers. Default 1,000."),
  })
  .meta({ id: "Quota", description: "What is missing or null is not limited." })

const amounts = z
  .strictObject({
    runs: z.number().optional(),
    cpuMs: z.number().optional(),
    memoryGbMs: z.number().optional(),
    bytes: z.number().optional().describe("In and out together."),
    subRequests: z.number().optional(),
    workflowSteps: z.number().optional(),
    sandboxMs: z.number().optional(),
  })
  .meta({ id: "Amounts" })
const period = z
  .strictObject({
    soft: amounts.optional().describe("Reaching one is told by webhook, and stops nothing."),
    hard: amounts.optional().describe("Reaching one ends what is under way and refuses what is new."),
  })
  .meta({ id: "PeriodBudget" })

export const budget = z
  .strictObject({ day: period.optional().describe("Per UTC day."), month: period.optional() })
  .meta({ id: "Budget" })

export const tenantInfo = z
  .object({
    id: z.string(),
    quota: z.unknown().describe("Its own, or the server's default."),
    budget: z.unknown(),
    suspended: z.object({ at: epochMs, reason: z.string() }).nullable(),
    used: z.object({ day: usageTotals, month: usageTotals }),
    running: z.int(),
    waiting: z.int(),
  })
  .meta({ id: "Tenant" })

export const runStatus = z.enum(["queued", "running", "succeeded", "failed", "cancelled"])

export const listedRun = z
  .object({
    id: z.string(),
    tenant: z.string(),
    worker: z.string().describe("A name, or the content hash."),
    hash: z.string(),
    status: runStatus,
    startedAt: epochMs.optional(),
    endedAt: epochMs.optional(),
  })
  .meta({ id: "ListedRun" })

export const runDetails = listedRun
  .extend({
    usage: usage.optional(),
    logs: z.array(logLine).optional(),
    logsTruncated: z.literal(true).optional(),
    egress: z.int().optional().describe("How many rows it has in the ledger."),
    error: errorFields.optional(),
    result: taggedSchema.optional().describe("Missing when it is large, or results are not kept."),
    resultBytes: z.int().optional().describe("The size of a result that is not kept."),
  })
  .meta({ id: "RunDetails" })
