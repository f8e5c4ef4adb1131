import { MayflyError } from "@mayfly/protocol"
import { first, run, type Steps } from "@mayfly/store/steps"
import type { PendingEvent } from "../core/journal.ts"
import type { StoredInstance } from "./stored.ts"
import type { InstanceNumber } from "./workflow-store.ts"

export function* takeEvent(number: InstanceNumber, eventSeq: number, key: string): Steps<void> {
  const taken = yield* run(
    "UPDATE workflows_events SET taken_by = ? WHERE instance = ? AND seq = ? AND taken_by IS NULL",
    key,
    number,
    eventSeq,
  )
  if (taken !== 1) throw new MayflyError("workflow.fenced", "the event was taken by somebody else")
}

interface GivenEvent {
  readonly eventId: string
  readonly type: string
  readonly payload: string
  readonly bytes: number
  readonly now: number
}

/** Stores an event, and makes an instance that waits due. */
export function* addEvent(
  row: Pick<StoredInstance, "number">,
  { eventId, type, payload, bytes, now }: GivenEvent,
): Steps<PendingEvent> {
  const last = yield* first<{ seq: number | null }>(
    "SELECT max(seq) AS seq FROM workflows_events WHERE instance = ?",
    row.number,
  )
  const seq = (last?.seq ?? 0) + 1
  yield* run(
    "INSERT INTO workflows_events (instance, seq, event_id, type, payload, bytes, received_at) VALUES (?, ?, ?, ?, ?, ?, ?)",
    row.number,
    seq,
    eventId,
    type,
    payload,
    bytes,
    now,
  )
  yield* run(
    "UPDATE workflows_instances SET wake_at = ? WHERE number = ? AND status = 'waiting' AND reason IN ('event', 'child', 'sleep', 'retry') AND (wake_at IS NULL OR wake_at > ?)",
    now,
    row.number,
    now,
  )
  return { seq, type, payload, receivedAt: now }
}
