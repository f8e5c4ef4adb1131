import { parseKey, scopeOf, type StepKind } from "../core/step-key.ts"
import { decode, type Failure, readFailure } from "../define/codec.ts"
import type { HistoryRow, LifecyclePhase } from "../store/workflow-store.ts"

export interface StepRef {
  readonly kind: StepKind
  readonly name: string
  /** Which step of that name, from 1. */
  readonly count: number
  /** Names the step within its instance. */
  readonly key: string
  /** The key of the step around it. */
  readonly parent?: string
}

/** One line of an instance's history. Times are epoch milliseconds. */
export type HistoryEntry = {
  /** Where to go on: `subscribe({ cursor })`. */
  readonly cursor: number
  /** From 1; a restart begins another run. */
  readonly run: number
  readonly time: number
} & (
  | {
      readonly type: "instance"
      readonly what: LifecyclePhase
      readonly about?: unknown
    }
  | {
      readonly type: "step"
      readonly step: StepRef
      /** `start` and `retry` go on; `ok` and `err` are the end of the step. */
      readonly phase: "start" | "retry" | "ok" | "err"
      readonly attempt: number
      readonly startedAt?: number
      /** When the sleep ends, the wait times out, the next attempt begins. */
      readonly dueAt?: number
      readonly input?: unknown
      readonly output?: unknown
      readonly error?: Failure
      /** Logs, usage and egress of each run of guest code. */
      readonly runs?: readonly unknown[]
    }
)

export function historyEntry(row: HistoryRow, isSensitive: (stepName: string) => boolean): HistoryEntry {
  const common = { cursor: row.seq, run: row.run, time: row.at }
  if (row.key === "") {
    const about = row.detail === undefined ? {} : { about: JSON.parse(row.detail) as unknown }
    return { ...common, type: "instance", what: row.phase as unknown as LifecyclePhase, ...about }
  }
  const parent = scopeOf(row.key)
  const name = parseKey(row.key)
  const step = { ...name, key: row.key, ...(parent !== "" && { parent }) }
  const { input, runs } = detailOf(row.detail)
  return {
    ...common,
    type: "step",
    step,
    phase: row.phase,
    attempt: row.attempt,
    ...(row.startedAt !== undefined && { startedAt: row.startedAt }),
    ...(row.dueAt !== undefined && { dueAt: row.dueAt }),
    ...(input !== undefined && { input }),
    ...(runs !== undefined && { runs }),
    ...valueOf(row, isSensitive(name.name)),
  }
}

function valueOf({ phase, value, key }: HistoryRow, isSensitive: boolean): { output?: unknown; error?: Failure } {
  if (value === undefined || value === "") return {}
  if (phase === "err" || phase === "retry") return { error: readFailure(value) }
  if (phase === "ok") return { output: isSensitive ? "[REDACTED]" : decode(value) }
  // What a wait remembers is a secret; the undoing's reason is a failure.
  return parseKey(key).kind === "rollback" ? { error: readFailure(value) } : {}
}

function detailOf(detail: string | undefined): { input?: unknown; runs?: readonly unknown[] } {
  return detail === undefined ? {} : (decode(detail) as { input?: unknown; runs?: readonly unknown[] })
}
