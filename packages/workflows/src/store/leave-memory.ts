import type { InstanceStatus } from "@mayfly/protocol"
import { all, first, run, type Steps } from "@mayfly/store/steps"
import { isEnded } from "../core/control.ts"
import type { Change, Finish } from "../core/ports.ts"
import { addEvent } from "./events.ts"
import { keep, record, recordAs } from "./journal-rows.ts"
import { restFunctions } from "./host-functions.ts"
import { sumOf } from "./row-sum.ts"
import { isReference } from "./reference.ts"
import type { CommittedInstance, StoredInstance } from "./stored.ts"
import type { CommitAck } from "./workflow-store.ts"

type Told = NonNullable<CommitAck["told"]>

/** `row` is the instance after this commit. */
export function* settle(
  row: CommittedInstance,
  { then }: Change,
  now: number,
): Steps<{ told: Told | null; wakeAt: number | null }> {
  if (then === undefined) return { told: null, wakeAt: null }
  if ("finish" in then) return { told: yield* finish(row, then.finish, now), wakeAt: null }
  return { told: null, wakeAt: yield* parkRow(row, then.park, now) }
}

type Park = Extract<NonNullable<Change["then"]>, { park: unknown }>["park"]

function* parkRow(row: CommittedInstance, { wakeAt, reason, seenEvent }: Park, now: number): Steps<number | null> {
  const isPausing = row.status === "waitingForPause"
  const newer = yield* first(
    "SELECT seq FROM workflows_events WHERE instance = ? AND seq > ? LIMIT 1",
    row.number,
    seenEvent,
  )
  // The pause was taken back, or an event came, while this commit was on its way.
  const isDue = newer !== undefined || reason === "paused"
  const status: InstanceStatus = isPausing ? "paused" : "waiting"
  const at = isPausing ? null : isDue ? now : wakeAt
  yield* run(
    "UPDATE workflows_instances SET status = ?, reason = ?, wake_at = ?, paused_at = ? WHERE number = ?",
    status,
    isPausing || reason === "paused" ? null : reason,
    at,
    isPausing ? now : null,
    row.number,
  )
  if (reason === "schedule" && wakeAt !== null) {
    yield* run("UPDATE workflows_instances SET start_at = ? WHERE number = ?", wakeAt, row.number)
  }
  if (isPausing) yield* record(row, "paused", now)
  return at
}

function* finish(row: CommittedInstance, how: Finish, now: number): Steps<Told | null> {
  const result = how.status === "complete" ? how.value : how.failure
  const rollback = "rollback" in how && how.rollback !== undefined ? how.rollback : null
  return yield* end(row, { status: how.status, result, rollback }, now)
}

interface End {
  readonly status: "complete" | "errored" | "terminated"
  readonly result: string
  readonly rollback: "complete" | "failed" | null
}

export function* end(row: CommittedInstance, { status, result, rollback }: End, now: number): Steps<Told | null> {
  const retentionMs = status === "complete" ? row.success_ms : row.error_ms
  const [counted] = yield* all<{ seq: number }>(
    `UPDATE workflows_instances SET seq = seq + 1, status = ?, reason = NULL, wake_at = NULL, result = ?, result_sum = ?, rollback = ?, idle = 0, terminating = 0,
       ended_at = ?, updated_at = ?, purge_at = ? WHERE number = ? RETURNING seq`,
    status,
    result,
    sumOf(result),
    rollback,
    now,
    now,
    now + retentionMs,
    row.number,
  )
  yield* run("UPDATE workflows_hooks SET used = 1 WHERE instance = ?", row.number)
  yield* restFunctions(row.number)
  yield* recordAs({ ...row, seq: counted?.seq ?? 0 }, status, now)
  return yield* tellParent(row, status === "complete" ? `+${result}` : `-${result}`, now)
}

function* tellParent(row: CommittedInstance, payload: string, now: number): Steps<Told | null> {
  if (row.parent === null || row.parent_key === null) return null
  const parent = yield* first<Pick<StoredInstance, "number" | "status">>(
    "SELECT number, status FROM workflows_instances WHERE number = ?",
    row.parent,
  )
  if (parent === undefined || isEnded(parent.status)) return null
  const type = `\u0000${row.parent_key}`
  const eventId = `${type} ${row.number} ${row.run}`
  const event = yield* addEvent(parent, { eventId, type, payload, bytes: 0, now })
  if (isReference(payload.slice(1))) yield* keep(parent.number, [payload.slice(2)])
  return { number: parent.number, event }
}
