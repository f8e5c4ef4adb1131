import type { InstanceStatus } from "@mayfly/protocol"
import { all, run, type Steps } from "@mayfly/store/steps"
import { isEnded } from "../core/control.ts"
import { copy, record, rowsBefore } from "./journal-rows.ts"
import { end } from "./leave-memory.ts"
import { maxDepth } from "./new-instance.ts"
import type { StoredInstance } from "./stored.ts"
import { wakeFunctions } from "./host-functions.ts"
import type { CommitAck, ControlRequest, InstanceNumber } from "./workflow-store.ts"

type Told = NonNullable<CommitAck["told"]>

export function* pause(row: StoredInstance, to: InstanceStatus, now: number): Steps<InstanceStatus> {
  if (to === "waitingForPause") {
    yield* run("UPDATE workflows_instances SET status = ?, updated_at = ? WHERE number = ?", to, now, row.number)
    return to
  }
  yield* run(
    "UPDATE workflows_instances SET status = 'paused', reason = NULL, wake_at = NULL, paused_at = ?, updated_at = ? WHERE number = ?",
    now,
    now,
    row.number,
  )
  yield* record(row, "paused", now)
  return to
}

export function* resume(row: StoredInstance, to: InstanceStatus, now: number): Steps<InstanceStatus> {
  if (to === "running") {
    yield* run("UPDATE workflows_instances SET status = ?, updated_at = ? WHERE number = ?", to, now, row.number)
    return to
  }
  // What is scheduled for later does not start because of a pause.
  const isEarly = row.start_at > now
  const pausedMs = row.paused_ms + Math.max(0, now - (row.paused_at ?? now))
  yield* run(
    "UPDATE workflows_instances SET status = ?, reason = ?, wake_at = ?, paused_at = NULL, paused_ms = ?, updated_at = ? WHERE number = ?",
    isEarly ? "waiting" : "queued",
    isEarly ? "schedule" : null,
    Math.max(now, row.start_at),
    pausedMs,
    now,
    row.number,
  )
  yield* record(row, "resumed", now)
  return to
}

export function* terminate(
  row: StoredInstance,
  { now, rollback = false, failure = "" }: ControlRequest,
  depth = 0,
): Steps<{ to: InstanceStatus; told: Told | null; fenced: InstanceNumber[] }> {
  const fenced = [row.number]
  if (depth < maxDepth) {
    const children = yield* all<StoredInstance>("SELECT * FROM workflows_instances WHERE parent = ?", row.number)
    for (const child of children) {
      const request = { tenant: child.tenant, id: child.id, operation: "terminate", now, rollback, failure } as const
      if (!isEnded(child.status)) fenced.push(...(yield* terminate(child, request, depth + 1)).fenced)
    }
  }
  yield* run("UPDATE workflows_instances SET epoch = epoch + 1 WHERE number = ?", row.number)
  if (rollback) {
    yield* run(
      "UPDATE workflows_instances SET terminating = 1, status = 'queued', reason = NULL, wake_at = ?, paused_at = NULL, updated_at = ? WHERE number = ?",
      now,
      now,
      row.number,
    )
    yield* record(row, "terminating", now)
    return { to: "queued", told: null, fenced }
  }
  return {
    to: "terminated",
    fenced,
    told: yield* end(row, { status: "terminated", result: failure, rollback: null }, now),
  }
}

export function* restart(row: StoredInstance, { from, now }: ControlRequest): Steps<void> {
  const kept = from === undefined ? [] : yield* rowsBefore(row, from)
  yield* record(row, "restarted", now, from === undefined ? null : JSON.stringify({ from }))
  const seq = row.seq + 1
  yield* copy(row.number, { number: row.number, run: row.run + 1, seq }, kept)
  if (from === undefined) yield* run("DELETE FROM workflows_events WHERE instance = ? AND taken_by IS NULL", row.number)
  yield* run("DELETE FROM workflows_hooks WHERE instance = ?", row.number)
  yield* wakeFunctions(row.number)
  const last = seq + kept.length
  yield* run(
    `UPDATE workflows_instances SET epoch = epoch + 1, run = run + 1, seq = ?, step_seq = ?, status = 'queued', reason = NULL, wake_at = ?,
       paused_at = NULL, terminating = 0, idle = 0, result = NULL, rollback = NULL, ended_at = NULL, purge_at = NULL, updated_at = ? WHERE number = ?`,
    last,
    kept.length > 0 ? last : row.step_seq,
    now,
    now,
    row.number,
  )
}
