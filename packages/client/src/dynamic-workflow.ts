import {
  type DeletedBatch,
  type ErrorCode,
  errorTable,
  type GivenModule,
  type HistoryEntry,
  type InstanceStatus,
  jsonModules,
  type ListOptions,
  MayflyError,
  pathSegment,
  type StepPlace,
  toTaggedJson,
  valueFromJson,
  type WorkflowPage,
  type WorkflowSettings,
  type WorkflowStatus as InstanceState,
  type WorkflowStep,
  type WorkflowWait,
} from "@mayfly/protocol"
import type { Http } from "./http.ts"
import { followEvents } from "./follow-events.ts"
import { withoutFunctions } from "./without-functions.ts"

/** What `create` takes, as data: functions can't be sent. */
export interface WorkflowOptions extends WorkflowSettings {
  /** Steps in order; their results by name. */
  readonly steps?: readonly WorkflowStep[]
}

/** As in the library; `hook` is the path to which anybody who has it may send the event. */
export interface WorkflowStatus extends InstanceState {
  readonly waits: readonly (WorkflowWait & { readonly hook: string })[]
}

type StatusJson = WorkflowStatus & { readonly id: string; readonly output?: unknown }

/** A workflow instance on a server: a handle, which holds nothing. The same shape as the library's class. */
export class DynamicWorkflow {
  readonly id: string
  readonly #http: Http

  /** Callers get it from `create` or `get`. */
  constructor(http: Http, id: string) {
    this.#http = http
    this.id = id
  }

  /** Stores a workflow and starts it. The same id and content attaches; other content is `workflow.exists`. Step closures are `input.invalid`. */
  static async create(binding: WorkflowBinding, options: WorkflowOptions): Promise<DynamicWorkflow> {
    return binding.create(options)
  }

  async status(): Promise<WorkflowStatus> {
    return statusOf(await this.#http.json<StatusJson>("GET", this.#path("")))
  }

  /** What it gives, when it has ended. Rejects with what it failed with. */
  async result(options: { readonly signal?: AbortSignal } = {}): Promise<unknown> {
    const end = await this.#ended(options.signal)
    const { status, output, error } = end
    if (status === "complete") return output
    throw instanceError(error, status, this.id)
  }

  async sendEvent(event: {
    readonly type: string
    readonly payload?: unknown
    readonly eventId?: string
  }): Promise<{ readonly isDuplicate: boolean }> {
    const { payload, ...rest } = event
    const tagged = payload === undefined ? {} : { payload: toTaggedJson(payload) }
    return this.#http.json("POST", this.#path("/events"), { json: { ...rest, ...tagged } })
  }

  async pause(): Promise<void> {
    await this.#control("pause")
  }

  async resume(): Promise<void> {
    await this.#control("resume")
  }

  async terminate(options: { readonly rollback?: boolean } = {}): Promise<void> {
    await this.#control("terminate", options)
  }

  async restart(options: { readonly from?: string | StepPlace } = {}): Promise<void> {
    await this.#control("restart", options)
  }

  /** Another instance that has this one's results before `fromStep`, with other `params`, `steps`, `script` or `id`. */
  async fork(fromStep: string | StepPlace, changes: Omit<WorkflowOptions, "schedule"> = {}): Promise<DynamicWorkflow> {
    const json = { from: fromStep, changes: workflowJson(changes) }
    return madeOf(this.#http, await this.#http.json("POST", this.#path("/fork"), { json }))
  }

  /** Gives it other code for the rest of its life; when its history does not fit that, this rejects with `workflow.nondeterminism`. */
  async upgrade(options: Omit<WorkflowOptions, "id" | "params">): Promise<void> {
    await this.#http.json("POST", this.#path("/upgrade"), { json: workflowJson(options) })
  }

  /** What happened, in order: every attempt with input, output, error, logs and times; all of it, or `limit` entries behind `cursor`. */
  async history(options: { readonly cursor?: number; readonly limit?: number } = {}): Promise<HistoryEntry[]> {
    const entries: HistoryEntry[] = []
    let { cursor } = options
    for (;;) {
      const limit = Math.min(500, (options.limit ?? Infinity) - entries.length)
      const page = await this.#http.page(this.#path("/history"), "history", { query: { cursor, limit } })
      entries.push(...page.entries.map((entry) => valueFromJson(entry) as HistoryEntry))
      if (page.cursor === undefined || page.entries.length === 0 || entries.length === options.limit) return entries
      cursor = Number(page.cursor)
    }
  }

  /** The history from `cursor` on, then what happens, until it has ended. Goes on after a lost connection. */
  async *subscribe(
    options: { readonly cursor?: number; readonly signal?: AbortSignal } = {},
  ): AsyncGenerator<HistoryEntry, void, void> {
    for await (const event of this.#follow(options.cursor ?? 0, options.signal))
      if (event.event !== "end") yield valueFromJson(event.data) as HistoryEntry
  }

  /** Deletes it and all it left; terminates it first when it has not ended. */
  async delete(): Promise<void> {
    await this.#http.json("DELETE", this.#path(""))
  }

  async #ended(signal?: AbortSignal): Promise<WorkflowStatus> {
    const now = await this.status()
    if (now.endedAt !== undefined) return now
    const { cursor = 0 } = (await this.history({ limit: 1 })).at(-1) ?? {}
    for await (const event of this.#follow(cursor, signal))
      if (event.event === "end") return statusOf(event.data as StatusJson)
    signal?.throwIfAborted()
    return this.status()
  }

  #follow(cursor: number, signal: AbortSignal | undefined): ReturnType<typeof followEvents> {
    return followEvents(this.#http, this.#path("/events"), { cursor: String(cursor), signal })
  }

  async #control(operation: string, options: object = {}): Promise<void> {
    await this.#http.json("POST", this.#path(`/${operation}`), { json: options })
  }

  #path(rest: string): string {
    return `/v1/workflows/${pathSegment(this.id)}${rest}`
  }
}

/** `platform.env.WORKFLOWS`, for one tenant of a server. */
export class WorkflowBinding {
  readonly #http: Http

  constructor(http: Http) {
    this.#http = http
  }

  async create(options: WorkflowOptions): Promise<DynamicWorkflow> {
    return madeOf(this.#http, await this.#http.json("POST", "/v1/workflows", { json: workflowJson(options) }))
  }

  async createBatch(batch: readonly WorkflowOptions[]): Promise<DynamicWorkflow[]> {
    return Promise.all(batch.map((options) => this.create(options)))
  }

  /** Rejects with `workflow.not-found`. */
  async get(id: string): Promise<DynamicWorkflow> {
    await this.#http.json("GET", `/v1/workflows/${pathSegment(id)}`)
    return new DynamicWorkflow(this.#http, id)
  }

  /** The newest first. */
  async list(options: ListOptions = {}): Promise<WorkflowPage> {
    return this.#http.json("GET", "/v1/workflows", { query: { ...options } })
  }

  async deleteBatch(ids: readonly string[]): Promise<DeletedBatch> {
    const deleted: { id: string }[] = []
    const errors: { id: string; code: string; message: string }[] = []
    for (const id of ids) {
      try {
        await new DynamicWorkflow(this.#http, id).delete()
        deleted.push({ id })
      } catch (error) {
        if (!(error instanceof MayflyError) || error.retry) throw error
        errors.push({ id, code: error.code, message: error.message })
      }
    }
    return { deleted, errors }
  }
}

function workflowJson({ modules, ...options }: WorkflowOptions): unknown {
  const given = modules === undefined ? {} : { modules: jsonModules(modules as Record<string, GivenModule>) }
  return { ...(toTaggedJson(withoutFunctions(options)) as object), ...given }
}

function madeOf(http: Http, { id }: { readonly id?: unknown }): DynamicWorkflow {
  if (typeof id === "string") return new DynamicWorkflow(http, id)
  throw new MayflyError("client.not-mayfly", "the server made a workflow without an id")
}

function statusOf({ id: _, output, ...status }: StatusJson): WorkflowStatus {
  return output === undefined ? status : { ...status, output: valueFromJson(output) }
}

/** As in the library: the workflow's own codes stay, whatever else a step threw is `workflow.failed`. */
function instanceError(failure: WorkflowStatus["error"], status: InstanceStatus, id: string): MayflyError {
  const { name, message, code, details } = failure ?? { name: "Error", message: `the workflow "${id}" is ${status}` }
  const isOwn = code?.startsWith("workflow.") === true && Object.hasOwn(errorTable, code)
  const about = {
    id,
    name,
    message,
    ...(code !== undefined && { code }),
    ...(details !== undefined && { cause: details }),
  }
  return new MayflyError(isOwn ? (code as ErrorCode) : "workflow.failed", message, { details: about })
}
