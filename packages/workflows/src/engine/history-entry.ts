import type { Failure, LifecyclePhase, HistoryEntry } from "@mayfly/protocol"
import { parseKey, scopeOf } from "../core/step-key.ts"
import { decode, readFailure } from "../define/codec.ts"
import type { HistoryRow } from "../store/workflow-store.ts"

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
