import type { StepKey } from "./step-key.ts"

/**
 * `start`: a wait, or an attempt that takes long, has begun. `retry`: an attempt failed, the next one is due at `dueAt`. `ok` and `err` are completions:
 * one per key, and final.
 */
export type Phase = "start" | "retry" | "ok" | "err"

/** What a step left behind. Values are encoded by the front end; nothing here looks inside. */
export interface NewRow {
  readonly key: StepKey
  readonly phase: Phase
  /** From 1; 0 where attempts mean nothing. */
  readonly attempt: number
  /** When it happened, epoch milliseconds. */
  readonly at: number
  /** When the attempt began. */
  readonly startedAt?: number
  /** Result, failure, or what a wait has to remember. */
  readonly value?: string
  /** When a sleep ends, a wait times out, the next attempt is due. */
  readonly dueAt?: number
  /** Whether a pause puts `dueAt` off: `sleepUntil` names a moment and stays. */
  readonly shifts?: boolean
  /** Steps whose bodies ran when this one was asked for: it may have been one of them that asked. */
  readonly during?: readonly StepKey[]
  /** For the history only: input, logs, usage, egress. */
  readonly detail?: string
}

export interface JournalRow extends NewRow {
  /** Order of the instance's history, over all runs. */
  readonly seq: number
  /** How long the instance had been paused in all when the row was written. */
  readonly pausedMs: number
}

/** An event that nobody has taken yet. */
export interface PendingEvent {
  readonly seq: number
  readonly type: string
  readonly receivedAt: number
  readonly payload: string
}

export function isCompletion({ phase }: { readonly phase: Phase }): boolean {
  return phase === "ok" || phase === "err"
}
