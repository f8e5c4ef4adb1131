import type { HistoryEntry, WorkflowStatus, StepPlace } from "@mayfly/protocol"
import { parseKey } from "../core/step-key.ts"
import { invalid, nameOf, only, record, stepName } from "../define/check.ts"
import { decode, instanceError, readFailure } from "../define/codec.ts"
import type { WorkflowOptions } from "../define/parse-workflow.ts"
import type { WorkflowEngine } from "../engine/engine.ts"
import { historyEntry } from "../engine/history-entry.ts"
import type { BindingParts, WorkflowBinding } from "./workflow-binding.ts"

const pageSize = 500

/** A workflow instance of one tenant: a handle, which holds nothing. */
export class DynamicWorkflow {
  readonly id: string
  readonly #parts: BindingParts

  /** Callers get it from `create` or `get`. */
  constructor(parts: BindingParts, id: string) {
    this.#parts = parts
    this.id = id
  }

  /** Stores a workflow and starts it. See `WorkflowBinding.create`. */
  static async create(binding: Pick<WorkflowBinding, "create">, options: WorkflowOptions): Promise<DynamicWorkflow> {
    if (typeof binding !== "object" || binding === null || typeof binding.create !== "function") {
      throw invalid("binding", "must be a workflows binding, such as platform.env.WORKFLOWS")
    }
    return binding.create(options)
  }

  async status(): Promise<WorkflowStatus> {
    const engine = await this.#parts.engine()
    const row = await engine.get(this.#parts.tenant, this.id)
    const reason = await engine.reasonOf(row)
    const waits = await engine.store.hooks(row.number)
    const isComplete = row.status === "complete"
    return {
      status: row.status,
      run: row.run,
      createdAt: row.createdAt,
      waits: waits.map(({ key, type, token, about: { prompt } }) => ({
        step: parseKey(key).name,
        type,
        token,
        ...(prompt !== undefined && { prompt }),
      })),
      ...(reason !== null && { reason }),
      ...(row.endedAt !== null && { endedAt: row.endedAt }),
      ...(row.wakeAt !== null && { wakeAt: row.wakeAt }),
      ...(row.rollback !== null && { rollback: row.rollback }),
      ...(row.result !== null && (isComplete ? { output: decode(row.result) } : { error: readFailure(row.result) })),
    }
  }

  /** What it gives, when it has ended. Rejects with what it failed with: `workflow.failed`, `workflow.terminated`, `workflow.*`. */
  async result(options: { readonly signal?: AbortSignal } = {}): Promise<unknown> {
    const engine = await this.#parts.engine()
    const { status, result } = await engine.ended(this.#parts.tenant, this.id, this.#parts.number, options.signal)
    if (status === "complete") return result === null ? undefined : decode(result)
    throw instanceError(readFailure(result ?? ""), this.id)
  }

  /**
   * Kept until a step takes it. An event with an `eventId` that came before is a duplicate and changes nothing. Rejects with `workflow.ended`,
   * `workflow.too-many-events`.
   */
  async sendEvent(event: {
    readonly type: string
    readonly payload?: unknown
    readonly eventId?: string
  }): Promise<{ readonly isDuplicate: boolean }> {
    const engine = await this.#parts.engine()
    const given = record(event, "event")
    only(given, ["type", "payload", "eventId"], "event")
    return engine.sendEvent(this.#parts.tenant, this.id, event)
  }

  /** Lets running steps finish and stops there. Pausing what is paused changes nothing. Rejects with `workflow.ended`. */
  async pause(): Promise<void> {
    await this.#control("pause")
  }

  /** Sleeps, retries and timeouts are put off by the length of the pause; `sleepUntil` is not. */
  async resume(): Promise<void> {
    await this.#control("resume")
  }

  /** Ends it, its children too. With `rollback`, steps that have one are undone first. Rejects with `workflow.ended`. */
  async terminate(options: { readonly rollback?: boolean } = {}): Promise<void> {
    only(record(options, "options"), ["rollback"], "")
    await this.#control("terminate", { rollback: options.rollback === true })
  }

  /** Runs it again, from the beginning or from a step, with the results before that one. Rejects with `workflow.no-such-step`. */
  async restart(options: { readonly from?: string | StepPlace } = {}): Promise<void> {
    only(record(options, "options"), ["from"], "")
    const from = options.from === undefined ? {} : { from: await this.#key(options.from) }
    await this.#control("restart", from)
  }

  /** Another instance that has this one's results before `fromStep`, with other `params`, `steps`, `script` or `id`. */
  async fork(fromStep: string | StepPlace, changes: Omit<WorkflowOptions, "schedule"> = {}): Promise<DynamicWorkflow> {
    const engine = await this.#parts.engine()
    const { id, number } = await engine.fork(this.#parts.tenant, this.id, await this.#key(fromStep), changes)
    return new DynamicWorkflow({ ...this.#parts, number }, id)
  }

  /**
   * Gives it other code for the rest of its life: `steps` or `script` and what goes with them, as for `create`. Its history is replayed against the new code
   * first; when that goes another way, this rejects with `workflow.nondeterminism` and the old code stays.
   */
  async upgrade(options: Omit<WorkflowOptions, "id" | "params">): Promise<void> {
    const engine = await this.#parts.engine()
    await engine.upgrade(this.#parts.tenant, this.id, options)
  }

  /** What happened, in order: every attempt with input, output, error, logs and times; all of it, or `limit` entries behind `cursor`. */
  async history(options: { readonly cursor?: number; readonly limit?: number } = {}): Promise<HistoryEntry[]> {
    const engine = await this.#parts.engine()
    const { cursor = 0, limit } = options
    checkCount(cursor, "cursor", 0)
    if (limit !== undefined) checkCount(limit, "limit", 1)
    const entries: HistoryEntry[] = []
    for await (const page of this.#pages(engine, cursor, limit)) {
      entries.push(...page)
      if (entries.length === limit) break
    }
    return entries
  }

  /** The history from `cursor` on, then what happens, until it has ended. A restart goes on in a new subscription. */
  async *subscribe(
    options: { readonly cursor?: number; readonly signal?: AbortSignal } = {},
  ): AsyncGenerator<HistoryEntry, void, void> {
    const engine = await this.#parts.engine()
    let { cursor = 0 } = options
    checkCount(cursor, "cursor", 0)
    const { number } = await engine.get(this.#parts.tenant, this.id)
    for await (const _ of engine.news(number, options.signal)) {
      // Read before the rows: what was written after it comes with the next news.
      const { endedAt } = await engine.get(this.#parts.tenant, this.id)
      for await (const page of this.#pages(engine, cursor)) {
        yield* page
        cursor = page.at(-1)?.cursor ?? cursor
      }
      if (endedAt !== null) return
    }
  }

  /** Deletes it and all it left; terminates it first when it has not ended. */
  async delete(): Promise<void> {
    const engine = await this.#parts.engine()
    await engine.delete(this.#parts.tenant, this.id)
  }

  async #control(
    operation: "pause" | "resume" | "terminate" | "restart",
    more: { rollback?: boolean; from?: string } = {},
  ): Promise<void> {
    const engine = await this.#parts.engine()
    await engine.control({ tenant: this.#parts.tenant, id: this.id, operation, ...more })
  }

  async *#pages(engine: WorkflowEngine, after: number, size = pageSize): AsyncGenerator<HistoryEntry[]> {
    const { number, definitionHash } = await engine.get(this.#parts.tenant, this.id)
    const sensitive = await engine.sensitiveSteps(definitionHash)
    for (let cursor = after; ;) {
      const rows = await engine.history(number, cursor, size)
      if (rows.length > 0) yield rows.map((row) => historyEntry(row, (name) => sensitive.has(name)))
      if (rows.length < size) return
      cursor = rows.at(-1)?.seq ?? cursor
    }
  }

  /** A step by its name: the first of any kind that the history knows. */
  async #key(place: string | StepPlace): Promise<string> {
    const { name, count = 1, kind } = parsePlace(place)
    const isMeant = (entry: HistoryEntry): entry is Extract<HistoryEntry, { type: "step" }> =>
      entry.type === "step" &&
      entry.step.name === name &&
      entry.step.count === count &&
      entry.step.kind !== "rollback" &&
      (kind === undefined || entry.step.kind === kind)
    const found = (await this.history()).findLast(isMeant)
    return found?.step.key ?? `${kind ?? "do"}:${name}#${count}`
  }
}

const kinds = { do: "do", sleep: "sleep", waitForEvent: "event", workflow: "child" } as const

interface ParsedPlace {
  readonly name: string
  readonly count?: number
  readonly kind?: (typeof kinds)[keyof typeof kinds]
}

function parsePlace(place: unknown): ParsedPlace {
  if (typeof place === "string") return { name: stepName(place, "from") }
  const given = record(place, "from")
  only(given, ["name", "count", "type"], "from")
  const { count, type } = given
  if (count !== undefined) checkCount(count, "from.count", 1)
  if (type !== undefined && (typeof type !== "string" || !Object.hasOwn(kinds, type)))
    throw invalid("from.type", `must be one of ${Object.keys(kinds).join(", ")}`)
  return {
    name: stepName(given["name"], "from.name"),
    ...(count === undefined ? {} : { count: count as number }),
    ...(type === undefined ? {} : { kind: kinds[type as keyof typeof kinds] }),
  }
}

function checkCount(value: unknown, path: string, least: number): void {
  if (typeof value === "number" && Number.isInteger(value) && value >= least) return
  throw invalid(path, `must be a whole number from ${least}, not ${nameOf(value)}`)
}
