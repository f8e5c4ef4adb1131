import { MayflyError } from "@mayfly/protocol"
import { all, first, run, type Steps } from "@mayfly/store/steps"
import { control, type InstanceStatus, isEnded } from "../core/control.ts"
import type { NewRow } from "../core/journal.ts"
import type { Change, Finish } from "../core/ports.ts"
import { parseKey } from "../core/step-key.ts"
import { isReference } from "./reference.ts"
import {
  dueOf,
  eventOf,
  instanceOf,
  journalRowOf,
  type Spawn,
  type StoredEvent,
  type StoredInstance,
  type StoredRow,
} from "./stored.ts"
import type {
  Claimed,
  CommitAck,
  Controlled,
  ControlRequest,
  Created,
  Definition,
  DueAnswer,
  DueInstance,
  EventIn,
  ForkRequest,
  InstanceNumber,
  LifecyclePhase,
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

export interface DueRequest {
  readonly now: number
  readonly perTenant: number
  /** Tenants behind this one are looked at first. */
  readonly after: string
}

export type EventRequest = Kept & EventIn & { readonly bytes: number }

export interface ParkRequest {
  readonly number: InstanceNumber
  readonly reason: string
  readonly now: number
  /** Null: until somebody makes it due. */
  readonly wakeAt: number | null
}

export interface ReleaseRequest {
  readonly number: InstanceNumber
  readonly epoch: number
  readonly at: number
}

type Told = NonNullable<CommitAck["told"]>

const replayed = "('start', 'retry', 'ok', 'err')"
const maxPendingEvents = 1_000
/** They are in memory while the instance runs. */
const maxPendingBytes = 64 << 20
const maxDepth = 8
/** More at once would hold up commits. */
const maxDue = 5_000

/** Each is one transaction. They run where the database is. */
export const procedures = {
  *create({ instance, now, blobs, maxOpen }: CreateRequest): Steps<Created> {
    const known = yield* findByIdMaybe(instance.tenant, instance.id)
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

  *redefine({ number, definition, content, lastSeq, now, blobs }: Kept & RedefineRequest): Steps<boolean> {
    const before = yield* first<StoredInstance>("SELECT * FROM workflows_instances WHERE number = ?", number)
    const changed = yield* run(
      `UPDATE workflows_instances SET definition = ?, content = ?, epoch = epoch + 1, updated_at = ?,
         status = CASE WHEN status = 'running' THEN 'queued' WHEN status = 'waitingForPause' THEN 'paused' ELSE status END,
         paused_at = CASE WHEN status = 'waitingForPause' THEN ? ELSE paused_at END,
         wake_at = CASE WHEN status IN ('paused', 'waitingForPause') THEN NULL ELSE ? END
       WHERE number = ? AND step_seq = ? AND status IN ('queued', 'running', 'waiting', 'waitingForPause', 'paused')`,
      definition.hash,
      content,
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
    return true
  },

  *release({ number, epoch, at }: ReleaseRequest): Steps<void> {
    yield* run(
      "UPDATE workflows_instances SET status = 'queued', reason = NULL, wake_at = ? WHERE number = ? AND epoch = ? AND status = 'running'",
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
    const row = yield* first<StoredInstance>(
      "SELECT * FROM workflows_instances WHERE number = ? AND epoch = ? AND status IN ('running', 'waitingForPause')",
      number,
      epoch,
    )
    if (row === undefined) throw new MayflyError("workflow.fenced", "the instance is no longer this activation's")
    const firstSeq = row.seq + 1
    yield* append(row, change.rows)
    for (const { eventSeq, key } of change.consume ?? []) yield* takeEvent(number, eventSeq, key)
    const started: DueInstance[] = []
    for (const spawn of (change.spawn ?? []) as readonly Spawn[]) started.push(...(yield* start(row, spawn, now)))
    yield* keep(number, blobs)
    const lastSeq = row.seq + change.rows.length
    const stepSeq = change.rows.length > 0 ? lastSeq : row.step_seq
    const { told, wakeAt } = yield* settle({ ...row, seq: lastSeq, step_seq: stepSeq }, change, now)
    return { firstSeq, previousSeq: row.step_seq, isPausing: row.status === "waitingForPause", told, started, wakeAt }
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
        if (isEnded(row.status)) yield* checkOpen(request.tenant, request.maxOpen ?? null)
        yield* restart(row, request)
        return { ...unchanged, to: decided.to, fenced: [row.number] }
    }
  },

  *fork({ tenant, id, instance, from, now, blobs, maxOpen = null }: Kept & ForkRequest): Steps<Created> {
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
      const rows = yield* all<StoredInstance>(
        "SELECT * FROM workflows_instances WHERE tenant = ? AND wake_at <= ? ORDER BY wake_at LIMIT ?",
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

  *codeCame({ number, now }: { readonly number: InstanceNumber; readonly now: number }): Steps<void> {
    yield* run(
      "UPDATE workflows_instances SET status = 'queued', reason = NULL, wake_at = ?, updated_at = ? WHERE number = ? AND status = 'waiting' AND reason = 'needs-code'",
      now,
      now,
      number,
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

// Finding

function* findByIdMaybe(tenant: string, id: string): Steps<StoredInstance | undefined> {
  return yield* first<StoredInstance>("SELECT * FROM workflows_instances WHERE tenant = ? AND id = ?", tenant, id)
}

function* findById(tenant: string, id: string): Steps<StoredInstance> {
  const row = yield* findByIdMaybe(tenant, id)
  if (row !== undefined) return row
  throw new MayflyError("workflow.not-found", `there is no workflow instance "${id}"`, { details: { id } })
}

function ended({ id, status }: StoredInstance): MayflyError {
  return new MayflyError("workflow.ended", `the workflow instance "${id}" has ended: it is ${status}`, {
    details: { id, status },
  })
}

function* tenantAfter(tenant: string): Steps<string | undefined> {
  const row = yield* first<{ tenant: string }>(
    "SELECT tenant FROM workflows_instances WHERE tenant > ? AND wake_at IS NOT NULL ORDER BY tenant LIMIT 1",
    tenant,
  )
  return row?.tenant
}

/** All that an activation needs. */
function* claimedOf(row: StoredInstance): Steps<Claimed> {
  const definition = yield* first<{ body: string }>(
    "SELECT body FROM workflows_definitions WHERE hash = ?",
    row.definition,
  )
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
    definition: definition?.body ?? "",
    journal: journal.map(journalRowOf),
    events: events.map(eventOf),
    lastSeq: row.step_seq,
    pausedMs: row.paused_ms,
    isTerminating: row.terminating === 1,
    idle: row.idle,
  }
}

// Creating

function attach(known: StoredInstance, { id, content }: NewInstance): Created {
  if (known.content === content) return { number: known.number, isCreated: false }
  const message = `the workflow instance "${id}" exists with other content`
  throw new MayflyError("workflow.exists", message, { details: { id } })
}

function* define({ hash, body }: Definition): Steps<void> {
  yield* run("INSERT INTO workflows_definitions (hash, body) VALUES (?, ?) ON CONFLICT DO NOTHING", hash, body)
}

function* dropDefinition(hash: string): Steps<void> {
  yield* run(
    "DELETE FROM workflows_definitions WHERE hash = ? AND NOT EXISTS (SELECT 1 FROM workflows_instances WHERE definition = ?)",
    hash,
    hash,
  )
}

function* insert(
  instance: NewInstance,
  now: number,
  parent: { number: InstanceNumber; key: string; depth: number } | null,
): Steps<InstanceNumber> {
  const { definition, concurrency, retention } = instance
  yield* define(definition)
  const isLater = instance.startAt > now || instance.schedule !== undefined
  // Never given twice: an activation that was forgotten must not write into another instance.
  const [counted] = yield* all<{ last: number }>(
    "UPDATE workflows_counters SET last = last + 1 WHERE name = 'instance' RETURNING last",
  )
  const number = counted?.last ?? 0
  yield* run(
    `INSERT INTO workflows_instances (number, tenant, id, definition, content, params, status, reason, wake_at, start_at, concurrency_key, concurrency_limit,
       success_ms, error_ms, schedule, trigger_info, depth, parent, parent_key, created_at, updated_at)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
    number,
    instance.tenant,
    instance.id,
    definition.hash,
    instance.content,
    instance.params,
    isLater ? "waiting" : "queued",
    isLater ? "schedule" : null,
    instance.startAt,
    instance.startAt,
    concurrency?.key ?? null,
    concurrency?.limit ?? null,
    retention.successMs,
    retention.errorMs,
    instance.schedule ?? null,
    instance.trigger ?? null,
    parent?.depth ?? 0,
    parent?.number ?? null,
    parent?.key ?? null,
    now,
    now,
  )
  return number
}

/** Gives the instance when it is new and due. */
function* start(parent: StoredInstance, spawn: Spawn, now: number): Steps<DueInstance[]> {
  const { key, start: instance } = spawn
  const known = yield* findByIdMaybe(instance.tenant, instance.id)
  const isChild = key !== ""
  const isTooDeep = isChild && parent.depth >= maxDepth
  const isTooMany = known === undefined && (yield* hasAll(instance.tenant, spawn.maxOpen))
  if (known !== undefined || isTooDeep || isTooMany) {
    if (isChild && known?.parent !== parent.number) {
      const payload = `-${isTooDeep ? spawn.tooDeep : isTooMany ? spawn.tooMany : spawn.conflict}`
      yield* addEvent(parent, { eventId: `\u0000${key}`, type: `\u0000${key}`, payload, bytes: 0, now })
    }
    return []
  }
  const number = yield* insert(instance, now, isChild ? { number: parent.number, key, depth: parent.depth + 1 } : null)
  const row = yield* first<StoredInstance>("SELECT * FROM workflows_instances WHERE number = ?", number)
  return row === undefined || instance.startAt > now ? [] : [dueOf(row)]
}

function* hasAll(tenant: string, maxOpen: number | null | undefined): Steps<boolean> {
  if (maxOpen === null || maxOpen === undefined) return false
  const open = yield* first<{ n: number }>(
    "SELECT COUNT(*) AS n FROM workflows_instances WHERE tenant = ? AND status NOT IN ('complete', 'errored', 'terminated')",
    tenant,
  )
  return (open?.n ?? 0) >= maxOpen
}

function* checkOpen(tenant: string, maxOpen: number | null): Steps<void> {
  if (!(yield* hasAll(tenant, maxOpen))) return
  throw new MayflyError("quota.count", `tenant "${tenant}" has ${maxOpen} workflow instances that have not ended`, {
    details: { tenant, what: "workflows", most: maxOpen },
  })
}

// Writing

function* append({ number, seq, run: runNumber, paused_ms: pausedMs }: StoredInstance, rows: readonly NewRow[]) {
  for (const [index, row] of rows.entries()) {
    const { key, phase, value } = row
    yield* run(
      "INSERT INTO workflows_journal (instance, seq, run, key, phase, attempt, at, started_at, due_at, shifts, paused_ms, value, during, detail) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
      number,
      seq + index + 1,
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
    )
    if (!isWaitForEvent(key)) continue
    if (phase === "start") yield* addHook(number, key, value ?? "{}")
    else yield* run("UPDATE workflows_hooks SET used = 1 WHERE instance = ? AND key = ?", number, key)
  }
}

function isWaitForEvent(key: string): boolean {
  return parseKey(key).kind === "event"
}

function* addHook(number: InstanceNumber, key: string, value: string): Steps<void> {
  const { token, type } = JSON.parse(value) as { token: string; type: string }
  yield* run(
    "INSERT INTO workflows_hooks (token, instance, key, type) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING",
    token,
    number,
    key,
    type,
  )
}

function* takeEvent(number: InstanceNumber, eventSeq: number, key: string): Steps<void> {
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
function* addEvent(row: StoredInstance, { eventId, type, payload, bytes, now }: GivenEvent): Steps<Told["event"]> {
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

/** A row of the history that no replay sees. */
function* record(row: StoredInstance, phase: LifecyclePhase, at: number, detail: string | null = null): Steps<void> {
  const [counted] = yield* all<{ seq: number; run: number }>(
    "UPDATE workflows_instances SET seq = seq + 1, updated_at = ? WHERE number = ? RETURNING seq, run",
    at,
    row.number,
  )
  yield* run(
    "INSERT INTO workflows_journal (instance, seq, run, key, phase, attempt, at, paused_ms, detail) VALUES (?, ?, ?, '', ?, 0, ?, ?, ?)",
    row.number,
    counted?.seq ?? 0,
    counted?.run ?? 1,
    phase,
    at,
    row.paused_ms,
    detail,
  )
}

function* keep(number: InstanceNumber, blobs: readonly string[]): Steps<void> {
  for (const hash of blobs) {
    yield* run(
      "INSERT INTO store_blobs (hash, owner, name) VALUES (?, 'workflows', ?) ON CONFLICT DO NOTHING",
      hash,
      String(number),
    )
  }
}

// Leaving memory

/** `row` is the instance with the counts after this commit. */
function* settle(
  row: StoredInstance,
  { then }: Change,
  now: number,
): Steps<{ told: Told | null; wakeAt: number | null }> {
  if (then === undefined) {
    yield* run(
      "UPDATE workflows_instances SET seq = ?, step_seq = ?, idle = 0, updated_at = ? WHERE number = ?",
      row.seq,
      row.step_seq,
      now,
      row.number,
    )
    return { told: null, wakeAt: null }
  }
  yield* run("UPDATE workflows_instances SET seq = ?, step_seq = ? WHERE number = ?", row.seq, row.step_seq, row.number)
  if ("finish" in then) return { told: yield* finish(row, then.finish, now), wakeAt: null }
  return { told: null, wakeAt: yield* parkRow(row, then.park, now) }
}

type Park = Extract<NonNullable<Change["then"]>, { park: unknown }>["park"]

function* parkRow(row: StoredInstance, { wakeAt, reason, seenEvent }: Park, now: number): Steps<number | null> {
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
    "UPDATE workflows_instances SET status = ?, reason = ?, wake_at = ?, paused_at = ?, idle = 0, updated_at = ? WHERE number = ?",
    status,
    isPausing || reason === "paused" ? null : reason,
    at,
    isPausing ? now : null,
    now,
    row.number,
  )
  if (reason === "schedule" && wakeAt !== null) {
    yield* run("UPDATE workflows_instances SET start_at = ? WHERE number = ?", wakeAt, row.number)
  }
  if (isPausing) yield* record(row, "paused", now)
  return at
}

function* finish(row: StoredInstance, how: Finish, now: number): Steps<Told | null> {
  const result = how.status === "complete" ? how.value : how.failure
  const rollback = "rollback" in how && how.rollback !== undefined ? how.rollback : null
  return yield* end(row, { status: how.status, result, rollback }, now)
}

interface End {
  readonly status: "complete" | "errored" | "terminated"
  readonly result: string
  readonly rollback: "complete" | "failed" | null
}

function* end(row: StoredInstance, { status, result, rollback }: End, now: number): Steps<Told | null> {
  const retentionMs = status === "complete" ? row.success_ms : row.error_ms
  yield* run(
    `UPDATE workflows_instances SET status = ?, reason = NULL, wake_at = NULL, result = ?, rollback = ?, idle = 0, terminating = 0,
       ended_at = ?, updated_at = ?, purge_at = ? WHERE number = ?`,
    status,
    result,
    rollback,
    now,
    now,
    now + retentionMs,
    row.number,
  )
  yield* run("UPDATE workflows_hooks SET used = 1 WHERE instance = ?", row.number)
  yield* record(row, status, now)
  return yield* tellParent(row, status === "complete" ? `+${result}` : `-${result}`, now)
}

function* tellParent(row: StoredInstance, payload: string, now: number): Steps<Told | null> {
  if (row.parent === null || row.parent_key === null) return null
  const parent = yield* first<StoredInstance>("SELECT * FROM workflows_instances WHERE number = ?", row.parent)
  if (parent === undefined || isEnded(parent.status)) return null
  const type = `\u0000${row.parent_key}`
  const eventId = `${type} ${row.number} ${row.run}`
  const event = yield* addEvent(parent, { eventId, type, payload, bytes: 0, now })
  if (isReference(payload.slice(1))) yield* keep(parent.number, [payload.slice(2)])
  return { number: parent.number, event }
}

// Control

function* pause(row: StoredInstance, to: InstanceStatus, now: number): Steps<InstanceStatus> {
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

function* resume(row: StoredInstance, to: InstanceStatus, now: number): Steps<InstanceStatus> {
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

function* terminate(
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

function* restart(row: StoredInstance, { from, now }: ControlRequest): Steps<void> {
  const kept = from === undefined ? [] : yield* rowsBefore(row, from)
  yield* record(row, "restarted", now, from === undefined ? null : JSON.stringify({ from }))
  const seq = row.seq + 1
  yield* copy(row.number, { number: row.number, run: row.run + 1, seq }, kept)
  if (from === undefined) yield* run("DELETE FROM workflows_events WHERE instance = ? AND taken_by IS NULL", row.number)
  yield* run("DELETE FROM workflows_hooks WHERE instance = ?", row.number)
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

/** The rows of the current run that were there before the step had any. */
function* rowsBefore(row: StoredInstance, from: string): Steps<readonly StoredRow[]> {
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

function* copy(
  from: InstanceNumber,
  to: { number: InstanceNumber; run: number; seq: number },
  rows: readonly StoredRow[],
): Steps<void> {
  for (const [index, { seq }] of rows.entries()) {
    yield* run(
      `INSERT INTO workflows_journal (instance, seq, run, key, phase, attempt, at, started_at, due_at, shifts, paused_ms, value, during, detail)
       SELECT ?, ?, ?, key, phase, attempt, at, started_at, due_at, shifts, paused_ms, value, during, detail FROM workflows_journal WHERE instance = ? AND seq = ?`,
      to.number,
      to.seq + index + 1,
      to.run,
      from,
      seq,
    )
  }
}

function* erase({ number, definition }: StoredInstance): Steps<void> {
  yield* run("DELETE FROM workflows_journal WHERE instance = ?", number)
  yield* run("DELETE FROM workflows_events WHERE instance = ?", number)
  yield* run("DELETE FROM workflows_hooks WHERE instance = ?", number)
  yield* run("DELETE FROM store_blobs WHERE owner = 'workflows' AND name = ?", String(number))
  yield* run("DELETE FROM workflows_instances WHERE number = ?", number)
  yield* dropDefinition(definition)
}
