import { z } from "zod"
import { epochMs } from "./common.ts"

export const approvalStatus = z.enum(["pending", "allowed", "denied", "expired"])
export const approvalScope = z.enum(["once", "run", "worker", "tenant"])

export const approval = z
  .object({
    id: z.string(),
    tenant: z.string(),
    runId: z.string(),
    worker: z.string().optional().describe("The content hash of the program."),
    sandboxId: z.string().optional(),
    step: z.string().optional(),
    method: z.string(),
    origin: z.string(),
    path: z.string(),
    excerpt: z.string().optional().describe("Lines of the program around the request."),
    status: approvalStatus,
    createdAt: epochMs,
    expiresAt: epochMs.describe("When the question, or the decision, stops to count."),
    scope: approvalScope.nullable(),
    decidedAt: epochMs.nullable(),
    decidedBy: z.string().nullable(),
  })
  .meta({
    id: "Approval",
    description: "A question of a program, and what became of it. Texts may come from the program.",
  })
