import { moduleBeside, type Store, type Tables } from "@mayfly/store"
import type { Change } from "../core/ports.ts"
import type { HookAbout } from "../define/hook-about.ts"
import { isLarge, LargeValues } from "./large-values.ts"
import { migrations } from "./migrations.ts"
import type { WorkflowProcedures } from "./procedures.ts"
import { instanceOf, journalRowOf, type StoredInstance, type StoredRow } from "./stored.ts"
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
  FoundHook,
  HistoryRow,
  Hosted,
  InstanceNumber,
  InstanceRow,
  ListQuery,
  NewInstance,
  OpenHook,
  RedefineRequest,
  Sent,
  WorkflowStore,
} from "./workflow-store.ts"

const none: readonly string[] = []

/** Workflows in the rows of `@mayfly/store`. */
export class SqlWorkflowStore implements WorkflowStore {
  readonly #tables: Tables<WorkflowProcedures>
  readonly #values: LargeValues

  private constructor(store: Store, tables: Tables<WorkflowProcedures>) {
    this.#tables = tables
    this.#values = new LargeValues(store.blobs)
  }

  /** Brings the tables up to date. The store stays the caller's. */
  static async open(store: Store): Promise<SqlWorkflowStore> {
    const owner = { name: "workflows", migrations, procedures: moduleBeside("procedures", import.meta.url) }
    return new SqlWorkflowStore(store, await store.attach<WorkflowProcedures>(owner))
  }

  async create(given: NewInstance, now: number, maxOpen: number | null = null): Promise<Created> {
    const { instance, blobs } = await this.#values.spillInstance(given)
    return this.#tables.call("create", { instance, now, blobs, maxOpen })
  }

  async claim(number: InstanceNumber, now: number): Promise<Claimed | null> {
    return this.#whole(await this.#tables.call("claim", { number, now }))
  }

  async peek(number: InstanceNumber): Promise<Claimed | null> {
    return this.#whole(await this.#tables.call("peek", { number }))
  }

  async redefine(request: RedefineRequest): Promise<boolean> {
    const { text: body, blobs } = await this.#values.spillText(request.definition.body)
    return this.#tables.call("redefine", { ...request, definition: { ...request.definition, body }, blobs })
  }

  async #whole(claimed: Claimed | null): Promise<Claimed | null> {
    if (claimed === null) return null
    const params = await this.#values.load(claimed.instance.params)
    const journal = await Promise.all(claimed.journal.map((row) => this.#values.loadRow(withoutDetail(row))))
    const events = await Promise.all(
      claimed.events.map(async (event) => ({ ...event, payload: await this.#loadPayload(event.payload) })),
    )
    return { ...claimed, instance: { ...claimed.instance, params }, journal, events }
  }

  async release(number: InstanceNumber, epoch: number, at: number): Promise<void> {
    await this.#tables.call("release", { number, epoch, at })
  }

  async commit(number: InstanceNumber, epoch: number, given: Change, now: number): Promise<CommitAck> {
    const { change, blobs } = isLarge(given) ? await this.#values.spillChange(given) : { change: given, blobs: none }
    const ack = await this.#tables.call("commit", { number, epoch, change, now, blobs })
    return ack.told === null ? ack : { ...ack, told: await this.#loadTold(ack.told) }
  }

  async sendEvent(event: EventIn): Promise<Sent> {
    const { text, blobs } = await this.#values.spillText(event.payload)
    const sent = await this.#tables.call("sendEvent", {
      ...event,
      payload: text,
      bytes: event.payload.length,
      blobs,
    })
    return { ...sent, event: sent.event === null ? null : { ...sent.event, payload: event.payload } }
  }

  async findHook(token: string): Promise<FoundHook | null> {
    const [row] = await this.#tables.read<StoredHook & { tenant: string; id: string; used: number }>(
      "SELECT i.tenant, i.id, h.key, h.type, h.about, h.used FROM workflows_hooks h JOIN workflows_instances i ON i.number = h.instance WHERE h.token = ?",
      [token],
    )
    if (row === undefined) return null
    const { tenant, id, key: step, type, about, used } = row
    return { tenant, id, step, type, about: aboutOf(about), isUsed: used !== 0 }
  }

  async control(request: ControlRequest): Promise<Controlled> {
    const controlled = await this.#tables.call("control", request)
    return { ...controlled, told: await this.#loadTold(controlled.told) }
  }

  async fork(request: ForkRequest): Promise<Created> {
    const { instance, blobs } = await this.#values.spillInstance(request.instance)
    return this.#tables.call("fork", { ...request, instance, blobs })
  }

  async get(tenant: string, id: string): Promise<InstanceRow | null> {
    const [row] = await this.#tables.read<StoredInstance>(
      "SELECT * FROM workflows_instances WHERE tenant = ? AND id = ?",
      [tenant, id],
    )
    return row === undefined ? null : this.#load(instanceOf(row))
  }

  async getDefinition(hash: string): Promise<string | null> {
    const [row] = await this.#tables.read<{ body: string }>("SELECT body FROM workflows_definitions WHERE hash = ?", [
      hash,
    ])
    return row === undefined ? null : this.#values.load(row.body)
  }

  async countByStatus(): Promise<Readonly<Record<string, number>>> {
    const rows = await this.#tables.read<{ readonly status: string; readonly count: number }>(
      "SELECT status, COUNT(*) AS count FROM workflows_instances GROUP BY status",
    )
    return Object.fromEntries(rows.map(({ status, count }) => [status, count]))
  }

  async list({ tenant, status, limit, after = Number.MAX_SAFE_INTEGER }: ListQuery): Promise<readonly InstanceRow[]> {
    const where = status === undefined ? "" : "AND status = ?"
    const rows = await this.#tables.read<StoredInstance>(
      `SELECT * FROM workflows_instances WHERE tenant = ? AND number < ? ${where} ORDER BY number DESC LIMIT ?`,
      [tenant, after, ...(status === undefined ? [] : [status]), limit],
    )
    return Promise.all(rows.map((row) => this.#load(instanceOf(row))))
  }

  async listHosted({
    tenant,
    limit,
    after = Number.MAX_SAFE_INTEGER,
  }: Omit<ListQuery, "status" | "tenant"> & { readonly tenant?: string }): Promise<readonly Hosted[]> {
    const where = tenant === undefined ? "" : "AND i.tenant = ?"
    // The order of the joins is given: few of many instances have functions.
    const rows = await this.#tables.read<StoredInstance & { readonly origin: string | null }>(
      `SELECT i.*, f.origin FROM workflows_functions f CROSS JOIN workflows_instances i ON i.number = f.instance
       WHERE f.is_over = 0 AND f.instance < ? ${where} ORDER BY f.instance DESC LIMIT ?`,
      [after, ...(tenant === undefined ? [] : [tenant]), limit],
    )
    return Promise.all(rows.map(async (row) => ({ row: await this.#load(instanceOf(row)), origin: row.origin })))
  }

  async history(number: InstanceNumber, after: number, limit: number): Promise<readonly HistoryRow[]> {
    const rows = await this.#tables.read<StoredRow>(
      "SELECT * FROM workflows_journal WHERE instance = ? AND seq > ? ORDER BY seq LIMIT ?",
      [number, after, limit],
    )
    return Promise.all(rows.map((row) => this.#values.loadRow({ ...journalRowOf(row), run: row.run })))
  }

  async hooks(number: InstanceNumber): Promise<readonly OpenHook[]> {
    const rows = await this.#tables.read<StoredHook & { token: string }>(
      "SELECT key, type, token, about FROM workflows_hooks WHERE instance = ? AND used = 0 ORDER BY key",
      [number],
    )
    return rows.map((row) => ({ ...row, about: aboutOf(row.about) }))
  }

  async delete(tenant: string, id: string): Promise<number> {
    return this.#tables.call("remove", { tenant, id })
  }

  async due(now: number, perTenant: number, after: string): Promise<DueAnswer> {
    return this.#tables.call("due", { now, perTenant, after })
  }

  async park(
    number: InstanceNumber,
    reason: "needs-code" | "concurrency" | "suspended",
    now: number,
    wakeAt: number | null = null,
  ): Promise<void> {
    await this.#tables.call("park", { number, reason, now, wakeAt })
  }

  async goOn(tenant: string, now: number): Promise<number> {
    return this.#tables.call("goOn", { tenant, now })
  }

  async codeCame(number: InstanceNumber, now: number): Promise<DueInstance | null> {
    return this.#tables.call("codeCame", { number, now })
  }

  async allCodeCame(now: number): Promise<number> {
    return this.#tables.call("allCodeCame", { now })
  }

  async placeFree(tenant: string, key: string, count: number, now: number): Promise<number> {
    return this.#tables.call("placeFree", { tenant, key, count, now })
  }

  async recover(now: number): Promise<number> {
    return this.#tables.call("recover", { now })
  }

  async purge(now: number, limit: number): Promise<number> {
    return this.#tables.call("purge", { now, limit })
  }

  async #load(row: InstanceRow): Promise<InstanceRow> {
    const { result, params } = row
    return {
      ...row,
      params: await this.#values.load(params),
      result: result === null ? null : await this.#values.load(result),
    }
  }

  async #loadTold(told: CommitAck["told"]): Promise<CommitAck["told"]> {
    if (told === null) return null
    return { ...told, event: { ...told.event, payload: await this.#loadPayload(told.event.payload) } }
  }

  /** The end of a child has a sign before its value. */
  async #loadPayload(payload: string): Promise<string> {
    const sign = payload[0] ?? ""
    if (sign !== "+" && sign !== "-") return this.#values.load(payload)
    return `${sign}${await this.#values.load(payload.slice(1))}`
  }
}

interface StoredHook {
  readonly key: string
  readonly type: string
  readonly about: string | null
}

function aboutOf(text: string | null): HookAbout {
  return text === null ? {} : (JSON.parse(text) as HookAbout)
}

/** What only the history needs is not loaded for a replay. */
function withoutDetail<Row extends { readonly detail?: string }>({ detail: _, ...row }: Row): Omit<Row, "detail"> {
  return row
}
