export interface WorkflowFlags {
  readonly data: string
  readonly tenant?: string
  readonly json?: boolean
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
