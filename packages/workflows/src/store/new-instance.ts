import { needFunctions } from "./host-functions.ts"
import { sumOf } from "./row-sum.ts"
import { MayflyError } from "@mayfly/protocol"
import { all, first, run, type Steps } from "@mayfly/store/steps"
import { hasAllOpen } from "./check-open.ts"
import { addEvent } from "./events.ts"
import { findByIdMaybe } from "./find-instance.ts"
import { dueColumns, dueOf, type DueRow, type Spawn, type StoredInstance } from "./stored.ts"
import type { Created, Definition, DueInstance, InstanceNumber, NewInstance } from "./workflow-store.ts"

/** Levels of children. */
export const maxDepth = 8

export function attach(known: Pick<StoredInstance, "number" | "content">, { id, content }: NewInstance): Created {
  if (known.content === content) return { number: known.number, isCreated: false }
  const message = `the workflow instance "${id}" exists with other content`
  throw new MayflyError("workflow.exists", message, { details: { id } })
}

export function* define({ hash, body }: Definition): Steps<void> {
  yield* run("INSERT INTO workflows_definitions (hash, body) VALUES (?, ?) ON CONFLICT DO NOTHING", hash, body)
}

export function* dropDefinition(hash: string): Steps<void> {
  yield* run(
    "DELETE FROM workflows_definitions WHERE hash = ? AND NOT EXISTS (SELECT 1 FROM workflows_instances WHERE definition = ?)",
    hash,
    hash,
  )
}

export function* insert(
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
       success_ms, error_ms, schedule, trigger_info, depth, parent, parent_key, created_at, updated_at, sum)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
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
    sumOf(instance.tenant, instance.id, definition.hash, instance.params),
  )
  yield* needFunctions(number, instance.functions)
  return number
}

/** Gives the instance when it is new and due. */
export function* start(
  parent: Pick<StoredInstance, "number" | "depth">,
  spawn: Spawn,
  now: number,
): Steps<DueInstance[]> {
  const { key, start: instance } = spawn
  const known = yield* findByIdMaybe(instance.tenant, instance.id)
  const isChild = key !== ""
  const isTooDeep = isChild && parent.depth >= maxDepth
  const isTooMany = known === undefined && (yield* hasAllOpen(instance.tenant, spawn.maxOpen))
  if (known !== undefined || isTooDeep || isTooMany) {
    if (isChild && known?.parent !== parent.number) {
      const payload = `-${isTooDeep ? spawn.tooDeep : isTooMany ? spawn.tooMany : spawn.conflict}`
      yield* addEvent(parent, { eventId: `\u0000${key}`, type: `\u0000${key}`, payload, bytes: 0, now })
    }
    return []
  }
  const number = yield* insert(instance, now, isChild ? { number: parent.number, key, depth: parent.depth + 1 } : null)
  const row = yield* first<DueRow>(`SELECT ${dueColumns} FROM workflows_instances WHERE number = ?`, number)
  return row === undefined || instance.startAt > now ? [] : [dueOf(row)]
}
