import type { ApiFlags } from "./api-options.ts"

export interface WorkflowFlags extends ApiFlags {
  readonly id?: string
  readonly params?: string
  readonly status?: string
  readonly limit?: string
  readonly rollback?: boolean
  readonly from?: string
  readonly eventId?: string
}

/** A command and its arguments. */
export type WorkflowCall =
  | { readonly name: "start"; readonly file: string }
  | { readonly name: "ls" }
  | { readonly name: "send"; readonly id: string; readonly type: string; readonly payload?: string }
  | {
      readonly name: "show" | "events" | "watch" | "pause" | "resume" | "terminate" | "restart" | "rm"
      readonly id: string
    }
