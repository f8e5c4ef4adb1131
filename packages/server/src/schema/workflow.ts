import { instanceStatuses } from "@mayfly/protocol"
import { z } from "zod"
import { epochMs, taggedSchema } from "./common.ts"

export const instanceStatus = z.enum(instanceStatuses)

const failure = z.looseObject({ name: z.string(), message: z.string() }).describe("What was thrown.")

export const workflow = z
  .object({
    id: z.string(),
    status: instanceStatus,
    reason: z
      .string()
      .optional()
      .describe("Why it waits: sleep, event, retry, child, needs-code, concurrency, schedule."),
    output: taggedSchema.optional(),
    error: failure.optional(),
    rollback: z.enum(["complete", "failed"]).optional(),
    run: z.int().describe("From 1; each restart begins another."),
    createdAt: epochMs,
    endedAt: epochMs.optional(),
    wakeAt: epochMs.optional(),
    waits: z
      .array(
        z.object({
          step: z.string(),
          type: z.string(),
          token: z.string(),
          hook: z.string(),
          prompt: z.string().optional().describe("What the page of the link asks."),
        }),
      )
      .describe("The events that it waits for; `hook` is where each can be sent without a key."),
  })
  .meta({ id: "Workflow" })

export const historyEntry = z
  .looseObject({
    cursor: z.int(),
    run: z.int(),
    time: epochMs,
    type: z.enum(["instance", "step"]),
  })
  .meta({ id: "HistoryEntry", description: "Something that happened: to the instance, or an attempt of a step." })

const step: z.ZodType = z
  .looseObject({
    name: z.string().optional(),
    code: z.string().optional().describe("A program, as for `POST /v1/run`."),
    input: taggedSchema.optional(),
    sleep: z.union([z.string(), z.number()]).optional(),
    sleepUntil: z.unknown().optional(),
    waitForEvent: z.string().optional(),
    timeout: z.union([z.string(), z.number()]).optional(),
    retries: z.record(z.string(), z.unknown()).optional(),
    parallel: z.array(z.unknown()).optional().describe("Steps."),
  })
  .meta({ id: "WorkflowStep", description: "docs/guides/workflows.md has all fields." })

const code = {
  steps: z.array(step).optional(),
  script: z.string().optional().describe("Instead of steps: a program with `run(event, step)`."),
}

export const workflowUpgrade = z.looseObject({ ...code, tenant: z.string().optional() }).meta({
  id: "WorkflowUpgrade",
  examples: [{ steps: [{ name: "add", code: "return input.a + 2", input: { a: 1 } }] }],
})

export const workflowRequest = z
  .looseObject({
    id: z.string().optional(),
    ...code,
    params: taggedSchema.optional(),
    retention: z.unknown().optional(),
    concurrencyKey: z.string().optional(),
    schedule: z.unknown().optional(),
    tenant: z.string().optional(),
  })
  .meta({
    id: "WorkflowRequest",
    examples: [{ id: "order-1", steps: [{ name: "add", code: "return input.a + 1", input: { a: 1 } }] }],
  })
