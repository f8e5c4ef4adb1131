import type { RetryPolicy } from "../core/retry.ts"
import type { HookAbout } from "./hook-about.ts"

/** Code for an isolate, with what it may use. The same words as a dynamic worker's. */
export interface WorkerProgram {
  readonly script?: string
  readonly modules?: Readonly<Record<string, unknown>>
  readonly mainModule?: string
  readonly language?: "auto" | "javascript" | "typescript"
  readonly limits?: Readonly<Record<string, unknown>>
  readonly network?: Readonly<Record<string, unknown>>
  /** Data only. */
  readonly env?: Readonly<Record<string, unknown>>
}

/** A function of the host's: only its text is stored. */
export interface ClosureText {
  readonly closure: string
}

export type Body = { readonly program: WorkerProgram } | ClosureText

export interface Condition {
  readonly from: string
  readonly path: readonly string[]
  readonly test: "equals" | "notEquals" | "exists"
  readonly value: unknown
}

interface Common {
  readonly name: string
  readonly when?: Condition
}

export type StepDefinition =
  | (Common & {
      readonly kind: "run"
      readonly body: Body
      readonly input?: unknown
      readonly retries: RetryPolicy
      readonly timeoutMs: number
      readonly atMostOnce: boolean
      readonly isSensitive: boolean
      readonly rollback?: Body
    })
  | (Common & { readonly kind: "sleep"; readonly ms: number })
  | (Common & { readonly kind: "sleepUntil"; readonly at: number })
  | (Common & {
      readonly kind: "waitForEvent"
      readonly type: string
      readonly timeoutMs: number
      readonly about?: HookAbout
    })
  | (Common & { readonly kind: "parallel"; readonly steps: readonly StepDefinition[] })
  | (Common & { readonly kind: "workflow"; readonly definition: WorkflowDefinition; readonly input?: unknown })

/** What an instance runs for all its life: content-addressed, so that one that sleeps for weeks resumes with the bytes it started with. */
export type WorkflowDefinition =
  | { readonly kind: "steps"; readonly steps: readonly StepDefinition[] }
  | {
      readonly kind: "script"
      readonly program: WorkerProgram
      readonly entry?: string
      /** Whether instances share isolates. */
      readonly reuse?: boolean
    }
  /** A class of the host's own: what it runs is what stands under this name when it runs, as after a deployment at Cloudflare. */
  | { readonly kind: "class"; readonly name: string }

/** Whether anything in it must be supplied by the host again after a restart. */
export function needsCode(definition: WorkflowDefinition): boolean {
  if (definition.kind === "class") return true
  return definition.kind === "steps" && definition.steps.some(stepNeedsCode)
}

function stepNeedsCode(step: StepDefinition): boolean {
  if (step.kind === "parallel") return step.steps.some(stepNeedsCode)
  if (step.kind === "workflow") return needsCode(step.definition)
  if (step.kind !== "run") return false
  return "closure" in step.body || (step.rollback !== undefined && "closure" in step.rollback)
}
