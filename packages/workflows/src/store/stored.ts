import { MayflyError } from "@mayfly/protocol"
import type { JournalRow, PendingEvent } from "../core/journal.ts"
import { sumOf } from "./row-sum.ts"
import type { ConcurrencyKey, DueInstance, InstanceRow, NewInstance } from "./workflow-store.ts"

/** Rows as the database gives them. */
export interface StoredInstance {
  readonly number: number
  readonly tenant: string
  readonly id: string
  readonly definition: string
  readonly content: string
  readonly params: string
  readonly status: InstanceRow["status"]
  readonly reason: string | null
  readonly epoch: number
  readonly run: number
  readonly seq: number
  readonly step_seq: number
  readonly wake_at: number | null
  readonly start_at: number
  readonly paused_at: number | null
  readonly paused_ms: number
  readonly idle: number
  readonly terminating: number
  readonly concurrency_key: string | null
  readonly concurrency_limit: number | null
  readonly success_ms: number
  readonly error_ms: number
  readonly schedule: string | null
  readonly trigger_info: string | null
  readonly depth: number
  readonly parent: number | null
  readonly parent_key: string | null
  readonly result: string | null
  readonly rollback: InstanceRow["rollback"]
  readonly created_at: number
  readonly updated_at: number
  readonly ended_at: number | null
  readonly sum: number | null
  readonly result_sum: number | null
}

/** What a commit has to know of its instance. */
export type CommittedInstance = Pick<
  StoredInstance,
  | "number"
  | "tenant"
  | "status"
  | "run"
  | "seq"
  | "paused_ms"
  | "success_ms"
  | "error_ms"
  | "depth"
  | "parent"
  | "parent_key"
>

export interface StoredRow {
  readonly seq: number
  readonly run: number
  readonly key: string
  readonly phase: string
  readonly attempt: number
  readonly at: number
  readonly started_at: number | null
  readonly due_at: number | null
  readonly shifts: number | null
  readonly paused_ms: number
  readonly value: string | null
  readonly during: string | null
  readonly detail: string | null
  readonly sum: number | null
}

export interface StoredEvent {
  readonly seq: number
  readonly type: string
  readonly payload: string
  readonly received_at: number
}

/** What a commit starts. A child has the key of the step that waits for it. */
export interface Spawn {
  readonly key: string
  readonly start: NewInstance
  /** Encoded failure for the step, when the id is taken by other content. */
  readonly conflict: string
  /** … and when it would be too many levels below another instance. */
  readonly tooDeep: string
  /** … and when the tenant has this many instances already. */
  readonly tooMany?: string
  readonly maxOpen?: number | null
}

/** Throws `store.corrupt` for a row that is not what was written. */
export function instanceOf(row: StoredInstance): InstanceRow {
  const isWhole = row.sum === null || row.sum === sumOf(row.tenant, row.id, row.definition, row.params)
  const isResultWhole = row.result_sum === null || row.result === null || row.result_sum === sumOf(row.result)
  if (!isWhole || !isResultWhole) throw new MayflyError("store.corrupt", `the row of workflow "${row.id}" is damaged`)
  return {
    number: row.number,
    tenant: row.tenant,
    id: row.id,
    status: row.status,
    reason: row.reason,
    definitionHash: row.definition,
    params: row.params,
    createdAt: row.created_at,
    updatedAt: row.updated_at,
    endedAt: row.ended_at,
    wakeAt: row.wake_at,
    startAt: row.start_at,
    retention: { successMs: row.success_ms, errorMs: row.error_ms },
    run: row.run,
    epoch: row.epoch,
    result: row.result,
    rollback: row.rollback,
    schedule: row.schedule,
    trigger: row.trigger_info,
    parent: row.parent,
  }
}

/** Columns of `DueRow`. */
export const dueColumns = "number, tenant, id, definition, wake_at, idle, concurrency_key, concurrency_limit"

export type DueRow = Pick<
  StoredInstance,
  "number" | "tenant" | "id" | "definition" | "wake_at" | "idle" | "concurrency_key" | "concurrency_limit"
>

export function dueOf(row: DueRow): DueInstance {
  const { number, tenant, id, definition, wake_at, idle } = row
  return {
    number,
    tenant,
    id,
    definitionHash: definition,
    wakeAt: wake_at ?? 0,
    idle,
    concurrency: concurrencyOf(row),
  }
}

function concurrencyOf({ concurrency_key: key, concurrency_limit: limit }: DueRow): ConcurrencyKey | null {
  return key === null ? null : { key, limit: limit ?? 1 }
}

/** Throws `store.corrupt` for a row that is not what was written. */
export function journalRowOf(row: StoredRow): JournalRow {
  if (row.sum !== null && row.sum !== sumOf(row.key, row.phase, row.attempt, row.value)) {
    throw new MayflyError("store.corrupt", `row ${row.seq} of a workflow's journal is damaged`)
  }
  return {
    seq: row.seq,
    key: row.key,
    phase: row.phase as JournalRow["phase"],
    attempt: row.attempt,
    at: row.at,
    pausedMs: row.paused_ms,
    shifts: row.shifts === 1,
    ...(row.started_at !== null && { startedAt: row.started_at }),
    ...(row.due_at !== null && { dueAt: row.due_at }),
    ...(row.value !== null && { value: row.value }),
    ...(row.during !== null && { during: JSON.parse(row.during) as string[] }),
    ...(row.detail !== null && { detail: row.detail }),
  }
}

export function eventOf({ seq, type, payload, received_at: receivedAt }: StoredEvent): PendingEvent {
  return { seq, type, payload, receivedAt }
}
