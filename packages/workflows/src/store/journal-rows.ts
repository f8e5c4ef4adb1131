import { MayflyError, type LifecyclePhase } from "@mayfly/protocol"
import { all, first, run, type Steps } from "@mayfly/store/steps"
import type { NewRow } from "../core/journal.ts"
import { parseKey } from "../core/step-key.ts"
import { sumOf } from "./row-sum.ts"
import type { StoredInstance, StoredRow } from "./stored.ts"
import type { InstanceNumber } from "./workflow-store.ts"

type Owner = Pick<StoredInstance, "number" | "run" | "paused_ms">

export function* append(
  { number, run: runNumber, paused_ms: pausedMs }: Owner,
  firstSeq: number,
  rows: readonly NewRow[],
): Steps<void> {
  for (const [index, row] of rows.entries()) {
    const { key, phase, value } = row
    yield* run(
      "INSERT INTO workflows_journal (instance, seq, run, key, phase, attempt, at, started_at, due_at, shifts, paused_ms, value, during, detail, sum) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
      number,
      firstSeq + index,
      runNumber,
      key,
      phase,
      row.attempt,
      row.at,
      row.startedAt ?? null,
      row.dueAt ?? null,
      row.shifts === undefined ? null : Number(row.shifts),
      pausedMs,
      value ?? null,
      row.during === undefined ? null : JSON.stringify(row.during),
      row.detail ?? null,
      sumOf(key, phase, row.attempt, value),
    )
    if (!isWaitForEvent(key)) continue
    if (phase === "start") yield* addHook(number, key, value ?? "{}")
    else yield* run("UPDATE workflows_hooks SET used = 1 WHERE instance = ? AND key = ?", number, key)
  }
}

function isWaitForEvent(key: string): boolean {
  return key.startsWith("event:", key.lastIndexOf("/") + 1)
}

function* addHook(number: InstanceNumber, key: string, value: string): Steps<void> {
  const { token, type, about } = JSON.parse(value) as { token: string; type: string; about?: unknown }
  yield* run(
    "INSERT INTO workflows_hooks (token, instance, key, type, about) VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
    token,
    number,
    key,
    type,
    about === undefined ? null : JSON.stringify(about),
  )
}

/** A row of the history that no replay sees. */
export function* record(
  row: Pick<StoredInstance, "number" | "paused_ms">,
  phase: LifecyclePhase,
  at: number,
  detail: string | null = null,
): Steps<void> {
  const [counted] = yield* all<{ seq: number; run: number }>(
    "UPDATE workflows_instances SET seq = seq + 1, updated_at = ? WHERE number = ? RETURNING seq, run",
    at,
    row.number,
  )
  yield* recordAs({ ...row, seq: counted?.seq ?? 0, run: counted?.run ?? 1 }, phase, at, detail)
}

/** The same with a number that was taken before. */
export function* recordAs(
  { number, seq, run: runNumber, paused_ms: pausedMs }: Owner & { readonly seq: number },
  phase: LifecyclePhase,
  at: number,
  detail: string | null = null,
): Steps<void> {
  yield* run(
    "INSERT INTO workflows_journal (instance, seq, run, key, phase, attempt, at, paused_ms, detail) VALUES (?, ?, ?, '', ?, 0, ?, ?, ?)",
    number,
    seq,
    runNumber,
    phase,
    at,
    pausedMs,
    detail,
  )
}

export function* keep(number: InstanceNumber, blobs: readonly string[]): Steps<void> {
  for (const hash of blobs) {
    yield* run(
      "INSERT INTO store_blobs (hash, owner, name) VALUES (?, 'workflows', ?) ON CONFLICT DO NOTHING",
      hash,
      String(number),
    )
  }
}

/** The rows of the current run that were there before the step had any. */
export function* rowsBefore(row: StoredInstance, from: string): Steps<readonly StoredRow[]> {
  const step = yield* first<{ seq: number | null }>(
    "SELECT min(seq) AS seq FROM workflows_journal WHERE instance = ? AND run = ? AND key = ?",
    row.number,
    row.run,
    from,
  )
  const seq = step?.seq ?? null
  if (seq === null) {
    const { name } = parseKey(from)
    const message = `the workflow instance "${row.id}" has not come to a step "${name}" yet`
    throw new MayflyError("workflow.no-such-step", message, { details: { id: row.id, step: name } })
  }
  const rows = yield* all<StoredRow>(
    "SELECT * FROM workflows_journal WHERE instance = ? AND run = ? AND seq < ? AND phase IN ('ok', 'err') ORDER BY seq",
    row.number,
    row.run,
    seq,
  )
  return rows.filter(({ key }) => parseKey(key).kind !== "rollback")
}

export function* copy(
  from: InstanceNumber,
  to: { number: InstanceNumber; run: number; seq: number },
  rows: readonly StoredRow[],
): Steps<void> {
  for (const [index, { seq }] of rows.entries()) {
    yield* run(
      `INSERT INTO workflows_journal (instance, seq, run, key, phase, attempt, at, started_at, due_at, shifts, paused_ms, value, during, detail, sum)
       SELECT ?, ?, ?, key, phase, attempt, at, started_at, due_at, shifts, paused_ms, value, during, detail, sum FROM workflows_journal WHERE instance = ? AND seq = ?`,
      to.number,
      to.seq + index + 1,
      to.run,
      from,
      seq,
    )
  }
}
