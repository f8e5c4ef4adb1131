import { MayflyError } from "@mayfly/protocol"
import { all, first, run, type Steps } from "@mayfly/store/steps"
import { control, isEnded } from "../core/control.ts"
import type { Change } from "../core/ports.ts"
import { claimedOf } from "./claimed.ts"
import { checkOpen } from "./check-open.ts"
import { pause, restart, resume, terminate } from "./control-instance.ts"
import { addEvent, takeEvent } from "./events.ts"
import { ended, findById, findByIdMaybe } from "./find-instance.ts"
import { forgetFunctions, needFunctions } from "./host-functions.ts"
import { append, copy, keep, record, rowsBefore } from "./journal-rows.ts"
import { settle } from "./leave-memory.ts"
import { attach, define, dropDefinition, insert, start } from "./new-instance.ts"
import { sumOf } from "./row-sum.ts"
import { type CommittedInstance, dueColumns, dueOf, type DueRow, type Spawn, type StoredInstance } from "./stored.ts"
import type {
  Claimed,
  CommitAck,
  Controlled,
  ControlRequest,
  Created,
  DueAnswer,
  DueInstance,
  EventIn,
  ForkRequest,
  InstanceNumber,
  NewInstance,
  RedefineRequest,
  Sent,
} from "./workflow-store.ts"

/** Values that lie in blobs, and the row that keeps them. */
export interface Kept {
  readonly blobs: readonly string[]
}

export type CommitRequest = Kept & {
  readonly number: InstanceNumber
  readonly epoch: number
  readonly change: Change
  readonly now: number
}

export type CreateRequest = Kept & {
  readonly instance: NewInstance
  readonly now: number
  /** How many instances that have not ended the tenant may have with it. */
  readonly maxOpen: number | null
}

export interface ParkRequest {
  readonly number: InstanceNumber
  readonly reason: string
  readonly now: number
  /** Null: until somebody makes it due. */
  readonly wakeAt: number | null
}

export interface DueRequest {
  readonly now: number
  readonly perTenant: number
  /** Tenants behind this one are looked at first. */
  readonly after: string
}

export type EventRequest = Kept & EventIn & { readonly bytes: number }

export interface ReleaseRequest {
  readonly number: InstanceNumber
  readonly epoch: number
  readonly at: number
}

const maxPendingEvents = 1_000
/** They are in memory while the instance runs. */
const maxPendingBytes = 64 << 20
/** More at once would hold up commits. */
const maxDue = 5_000

/** Each is one transaction. They run where the database is. */
export const procedures = {
  *create({ instance, now, blobs, maxOpen }: CreateRequest): Steps<Created> {
    const known = yield* first<Pick<StoredInstance, "number" | "content">>(
      "SELECT number, content FROM workflows_instances WHERE tenant = ? AND id = ?",
      instance.tenant,
      instance.id,
    )
    if (known !== undefined) return attach(known, instance)
    yield* checkOpen(instance.tenant, maxOpen)
    const number = yield* insert(instance, now, null)
    yield* keep(number, blobs)
    return { number, isCreated: true }
  },

  *claim({ number, now }: { readonly number: InstanceNumber; readonly now: number }): Steps<Claimed | null> {
    const [row] = yield* all<StoredInstance>(
      `UPDATE workflows_instances SET epoch = epoch + 1, idle = idle + 1, status = 'running', reason = NULL, wake_at = NULL, updated_at = ?
       WHERE number = ? AND wake_at IS NOT NULL AND wake_at <= ? AND status IN ('queued', 'running', 'waiting') RETURNING *`,
      now,
      number,
      now,
    )
    return row === undefined ? null : yield* claimedOf(row)
  },

  *peek({ number }: { readonly number: InstanceNumber }): Steps<Claimed | null> {
    const row = yield* first<StoredInstance>("SELECT * FROM workflows_instances WHERE number = ?", number)
    return row === undefined ? null : yield* claimedOf(row)
  },

  *redefine(request: Kept & RedefineRequest): Steps<boolean> {
    const { number, definition, content, lastSeq, now, blobs } = request
    const before = yield* first<StoredInstance>("SELECT * FROM workflows_instances WHERE number = ?", number)
    const changed = yield* run(
      `UPDATE workflows_instances SET definition = ?, content = ?, sum = ?, epoch = epoch + 1, updated_at = ?,
         status = CASE WHEN status = 'running' THEN 'queued' WHEN status = 'waitingForPause' THEN 'paused' ELSE status END,
         paused_at = CASE WHEN status = 'waitingForPause' THEN ? ELSE paused_at END,
         wake_at = CASE WHEN status IN ('paused', 'waitingForPause') THEN NULL ELSE ? END
       WHERE number = ? AND step_seq = ? AND status IN ('queued', 'running', 'waiting', 'waitingForPause', 'paused')`,
      definition.hash,
      content,
      before === undefined ? null : sumOf(before.tenant, before.id, definition.hash, before.params),
      now,
      now,
      now,
      number,
      lastSeq,
    )
    if (changed !== 1 || before === undefined) return false
    yield* define(definition)
    yield* dropDefinition(before.definition)
    yield* keep(number, blobs)
    yield* forgetFunctions(number)
    yield* needFunctions(number, request.functions)
    return true
  },

  *release({ number, epoch, at }: ReleaseRequest): Steps<void> {
    // Whoever could give it back did not die of it.
    yield* run(
      `UPDATE workflows_instances SET status = 'queued', reason = NULL, wake_at = ?, idle = MAX(idle - 1, 0)
       WHERE number = ? AND epoch = ? AND status = 'running'`,
      at,
      number,
      epoch,
    )
    yield* run(
      "UPDATE workflows_instances SET status = 'paused', reason = NULL, wake_at = NULL, paused_at = ? WHERE number = ? AND epoch = ? AND status = 'waitingForPause'",
      at,
      number,
      epoch,
    )
  },

  *commit({ number, epoch, change, now, blobs }: CommitRequest): Steps<CommitAck> {
    const count = change.rows.length
    const [row] = yield* all<CommittedInstance & { readonly previous_seq: number }>(
      `UPDATE workflows_instances SET seq = seq + ?, previous_seq = step_seq, step_seq = CASE WHEN ? > 0 THEN seq + ? ELSE step_seq END, idle = 0, updated_at = ?
       WHERE number = ? AND epoch = ? AND status IN ('running', 'waitingForPause')
       RETURNING number, tenant, status, run, seq, previous_seq, paused_ms, success_ms, error_ms, depth, parent, parent_key`,
      count,
      count,
      count,
      now,
      number,
      epoch,
    )
    if (row === undefined) throw new MayflyError("workflow.fenced", "the instance is no longer this activation's")
    const firstSeq = row.seq - count + 1
    yield* append(row, firstSeq, change.rows)
    for (const { eventSeq, key } of change.consume ?? []) yield* takeEvent(number, eventSeq, key)
    const started: DueInstance[] = []
    for (const spawn of (change.spawn ?? []) as readonly Spawn[]) started.push(...(yield* start(row, spawn, now)))
    yield* keep(number, blobs)
    const { told, wakeAt } = yield* settle(row, change, now)
    return {
      firstSeq,
      previousSeq: row.previous_seq,
      isPausing: row.status === "waitingForPause",
      told,
      started,
      wakeAt,
    }
  },

  *sendEvent({ tenant, id, eventId, type, payload, bytes, now, blobs }: EventRequest): Steps<Sent> {
    const row = yield* findById(tenant, id)
    if (control(row.status, "send") === "ended") throw ended(row)
    const known = yield* first(
      "SELECT seq FROM workflows_events WHERE instance = ? AND event_id = ?",
      row.number,
      eventId,
    )
    if (known !== undefined) return { number: row.number, isDuplicate: true, event: null }
    const pending = yield* first<{ n: number; bytes: number | null }>(
      "SELECT count(*) AS n, sum(bytes) AS bytes FROM workflows_events WHERE instance = ? AND taken_by IS NULL",
      row.number,
    )
    if ((pending?.n ?? 0) >= maxPendingEvents || (pending?.bytes ?? 0) + bytes > maxPendingBytes) {
      const message = `the instance "${id}" has too many events that it has not taken: ${pending?.n ?? 0}`
      const details = { maxEvents: maxPendingEvents, maxBytes: maxPendingBytes }
      throw new MayflyError("workflow.too-many-events", message, { details })
    }
    const event = yield* addEvent(row, { eventId, type, payload, bytes, now })
    yield* keep(row.number, blobs)
    yield* record(row, "event", now, JSON.stringify({ type, eventId }))
    return { number: row.number, isDuplicate: false, event }
  },

  *control(request: ControlRequest): Steps<Controlled> {
    const row = yield* findById(request.tenant, request.id)
    const decided = control(row.status, request.operation)
    if (decided === "ended") throw ended(row)
    const unchanged = {
      number: row.number,
      from: row.status,
      to: row.status,
      fenced: [] as InstanceNumber[],
      told: null,
    }
    if (decided === "nothing") return unchanged
    switch (request.operation) {
      case "pause":
        return { ...unchanged, to: yield* pause(row, decided.to, request.now) }
      case "resume":
        return { ...unchanged, to: yield* resume(row, decided.to, request.now) }
      case "terminate":
        return { ...unchanged, ...(yield* terminate(row, request)) }
      case "restart":
        if (isEnded(row.status)) yield* checkOpen(request.tenant, request.maxOpen)
        yield* restart(row, request)
        return { ...unchanged, to: decided.to, fenced: [row.number] }
    }
  },

  *fork({ tenant, id, instance, from, now, blobs, maxOpen }: Kept & ForkRequest): Steps<Created> {
    const row = yield* findById(tenant, id)
    const known = yield* findByIdMaybe(instance.tenant, instance.id)
    if (known !== undefined) return attach(known, instance)
    yield* checkOpen(instance.tenant, maxOpen)
    const kept = yield* rowsBefore(row, from)
    const number = yield* insert(instance, now, null)
    yield* copy(row.number, { number, run: 1, seq: 0 }, kept)
    const seq = kept.length
    yield* run("UPDATE workflows_instances SET seq = ?, step_seq = ? WHERE number = ?", seq, seq, number)
    yield* keep(number, blobs)
    yield* run(
      "INSERT INTO store_blobs (hash, owner, name) SELECT hash, owner, ? FROM store_blobs WHERE owner = 'workflows' AND name = ? ON CONFLICT DO NOTHING",
      String(number),
      String(row.number),
    )
    return { number, isCreated: true }
  },

  *remove({ tenant, id }: { readonly tenant: string; readonly id: string }): Steps<number> {
    const row = yield* findByIdMaybe(tenant, id)
    if (row === undefined) return 0
    yield* erase(row)
    return 1
  },

  *due({ now, perTenant, after }: DueRequest): Steps<DueAnswer> {
    const next = yield* first<{ at: number | null }>(
      "SELECT min(wake_at) AS at FROM workflows_instances WHERE wake_at IS NOT NULL",
    )
    const nextAt = next?.at ?? null
    if (nextAt === null || nextAt > now) return { due: [], nextAt, last: "" }
    const due: DueInstance[] = []
    let last = after
    for (let tenant = yield* tenantAfter(after); tenant !== undefined; tenant = yield* tenantAfter(tenant)) {
      if (due.length >= maxDue) break
      last = tenant
      const rows = yield* all<DueRow>(
        `SELECT ${dueColumns} FROM workflows_instances WHERE tenant = ? AND wake_at <= ? ORDER BY wake_at LIMIT ?`,
        tenant,
        now,
        perTenant,
      )
      due.push(...rows.map(dueOf))
    }
    const later = yield* first<{ at: number | null }>(
      "SELECT min(wake_at) AS at FROM workflows_instances WHERE wake_at > ?",
      now,
    )
    return { due, nextAt: later?.at ?? null, last: due.length >= maxDue ? last : "" }
  },

  *park({ number, reason, now, wakeAt }: ParkRequest): Steps<void> {
    yield* run(
      "UPDATE workflows_instances SET status = 'waiting', reason = ?, wake_at = ?, updated_at = ? WHERE number = ? AND wake_at IS NOT NULL AND status IN ('queued', 'running', 'waiting')",
      reason,
      wakeAt,
      now,
      number,
    )
  },

  /** Makes those due that were held because of their tenant. */
  *goOn({ tenant, now }: { readonly tenant: string; readonly now: number }): Steps<number> {
    return yield* run(
      "UPDATE workflows_instances SET status = 'queued', reason = NULL, idle = 0, wake_at = ?, updated_at = ? WHERE tenant = ? AND status = 'waiting' AND reason = 'suspended'",
      now,
      now,
      tenant,
    )
  },

  *codeCame({ number, now }: { readonly number: InstanceNumber; readonly now: number }): Steps<DueInstance | null> {
    const [row] = yield* all<DueRow>(
      `UPDATE workflows_instances SET status = 'queued', reason = NULL, wake_at = ?, updated_at = ?
       WHERE number = ? AND status = 'waiting' AND reason = 'needs-code' RETURNING ${dueColumns}`,
      now,
      now,
      number,
    )
    return row === undefined ? null : dueOf(row)
  },

  *allCodeCame({ now }: { readonly now: number }): Steps<number> {
    return yield* run(
      `UPDATE workflows_instances SET status = 'queued', reason = NULL, wake_at = ?, updated_at = ?
       WHERE status = 'waiting' AND reason = 'needs-code' AND number IN (SELECT instance FROM workflows_functions WHERE is_over = 0)`,
      now,
      now,
    )
  },

  *placeFree({
    tenant,
    key,
    count,
    now,
  }: {
    readonly tenant: string
    readonly key: string
    readonly count: number
    readonly now: number
  }): Steps<number> {
    return yield* run(
      `UPDATE workflows_instances SET status = 'queued', reason = NULL, wake_at = ?, updated_at = ? WHERE number IN (
         SELECT number FROM workflows_instances WHERE tenant = ? AND concurrency_key = ? AND reason = 'concurrency' ORDER BY number LIMIT ?)`,
      now,
      now,
      tenant,
      key,
      count,
    )
  },

  *recover({ now }: { readonly now: number }): Steps<number> {
    yield* run(
      "UPDATE workflows_instances SET status = 'paused', reason = NULL, paused_at = ?, wake_at = NULL WHERE status = 'waitingForPause'",
      now,
    )
    yield* run(
      "UPDATE workflows_instances SET status = 'queued', reason = NULL, wake_at = ? WHERE reason = 'concurrency'",
      now,
    )
    return yield* run(
      "UPDATE workflows_instances SET status = 'queued', wake_at = ? WHERE status = 'running' AND wake_at IS NULL",
      now,
    )
  },

  *purge({ now, limit }: { readonly now: number; readonly limit: number }): Steps<number> {
    const rows = yield* all<StoredInstance>(
      "SELECT * FROM workflows_instances WHERE purge_at <= ? ORDER BY purge_at LIMIT ?",
      now,
      limit,
    )
    for (const row of rows) yield* erase(row)
    return rows.length
  },
}

export type WorkflowProcedures = typeof procedures

function* tenantAfter(tenant: string): Steps<string | undefined> {
  const row = yield* first<{ tenant: string }>(
    "SELECT tenant FROM workflows_instances WHERE tenant > ? AND wake_at IS NOT NULL ORDER BY tenant LIMIT 1",
    tenant,
  )
  return row?.tenant
}

function* erase({ number, definition }: StoredInstance): Steps<void> {
  yield* run("DELETE FROM workflows_journal WHERE instance = ?", number)
  yield* run("DELETE FROM workflows_events WHERE instance = ?", number)
  yield* run("DELETE FROM workflows_hooks WHERE instance = ?", number)
  yield* forgetFunctions(number)
  yield* run("DELETE FROM store_blobs WHERE owner = 'workflows' AND name = ?", String(number))
  yield* run("DELETE FROM workflows_instances WHERE number = ?", number)
  yield* dropDefinition(definition)
}
