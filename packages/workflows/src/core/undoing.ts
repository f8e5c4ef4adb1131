import type { JournalRow } from "./journal.ts"
import type { Compensation } from "./step-host.ts"
import { rollbackKeyOf, type StepKey } from "./step-key.ts"

/** The row that begins the undoing of an instance. No step has the number 0. */
export const undoingKey = "rollback:#0"

export type NextUndo =
  | { readonly kind: "undo"; readonly step: StepKey; readonly key: StepKey; readonly compensation: Compensation }
  | { readonly kind: "complete" }
  | { readonly kind: "failed" }
  | { readonly kind: "nothing" }

/** Which step is undone next: the one that began last goes first; the first compensation that fails for good ends it. */
export function nextUndo(
  compensations: ReadonlyMap<StepKey, Compensation>,
  firstSeq: ReadonlyMap<StepKey, number>,
  completed: ReadonlyMap<StepKey, JournalRow>,
): NextUndo {
  const begun = [...compensations].filter(([step]) => firstSeq.has(step))
  if (begun.length === 0) return { kind: "nothing" }
  begun.sort(([a], [b]) => (firstSeq.get(b) ?? 0) - (firstSeq.get(a) ?? 0))
  for (const [step, compensation] of begun) {
    const key = rollbackKeyOf(step)
    const phase = completed.get(key)?.phase
    if (phase === "err") return { kind: "failed" }
    if (phase === undefined) return { kind: "undo", step, key, compensation }
  }
  return { kind: "complete" }
}
