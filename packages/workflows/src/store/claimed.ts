import { all, type Steps } from "@mayfly/store/steps"
import { eventOf, instanceOf, journalRowOf, type StoredEvent, type StoredInstance, type StoredRow } from "./stored.ts"
import type { Claimed } from "./workflow-store.ts"

const replayed = "('start', 'retry', 'ok', 'err')"

/** All that an activation needs. */
export function* claimedOf(row: StoredInstance): Steps<Claimed> {
  const journal = yield* all<StoredRow>(
    `SELECT * FROM workflows_journal WHERE instance = ? AND run = ? AND phase IN ${replayed} ORDER BY seq`,
    row.number,
    row.run,
  )
  const events = yield* all<StoredEvent>(
    "SELECT seq, type, payload, received_at FROM workflows_events WHERE instance = ? AND taken_by IS NULL ORDER BY seq",
    row.number,
  )
  return {
    instance: instanceOf(row),
    journal: journal.map(journalRowOf),
    events: events.map(eventOf),
    lastSeq: row.step_seq,
    pausedMs: row.paused_ms,
    isTerminating: row.terminating === 1,
    idle: row.idle,
  }
}
