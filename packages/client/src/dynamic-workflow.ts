import { type ErrorCode, errorTable, fromTaggedJson, MayflyError, toTaggedJson, pathSegment } from "@mayfly/protocol"
import type { Http } from "./http.ts"
import { followEvents } from "./server-events.ts"
import { withoutFunctions } from "./without-functions.ts"

export type InstanceStatus =
  | "queued"
  | "running"
  | "waiting"
  | "waitingForPause"
  | "paused"
  | "complete"
  | "errored"
  | "terminated"

/** What `create` takes, as data: steps with `code`, `sleep`, `waitForEvent`, `parallel`; or `script`. Functions can't be sent. */
export interface WorkflowOptions {
  readonly id?: string
  readonly steps?: readonly object[]
  readonly script?: string
  readonly modules?: Readonly<Record<string, unknown>>
  readonly mainModule?: string
  readonly params?: unknown
  readonly [option: string]: unknown
}

/** Times are epoch milliseconds. */
export interface WorkflowStatus {
  readonly status: InstanceStatus
  /** Why it waits: sleep, event, retry, child, needs-code, concurrency, schedule. */
  readonly reason?: string
  readonly output?: unknown
  readonly error?: {
    readonly name: string
    readonly message: string
    readonly code?: string
    readonly details?: Readonly<Record<string, unknown>>
  }
  readonly rollback?: "complete" | "failed"
  readonly run: number
  readonly createdAt: number
  readonly endedAt?: number
  readonly wakeAt?: number
  /** `hook` is the path to which anybody who has it may send the event. */
  readonly waits: readonly {
    readonly step: string
    readonly type: string
    readonly token: string
    readonly hook: string
  }[]
}

/** One line of an instance's history. */
export interface HistoryEntry {
  readonly cursor: number
  readonly run: number
  readonly time: number
  readonly type: "instance" | "step"
  readonly [field: string]: unknown
}

interface StepPlace {
  readonly name: string
  readonly count?: number
  readonly type?: "do" | "sleep" | "waitForEvent" | "workflow"
}

type StatusJson = Omit<WorkflowStatus, "output"> & { readonly id: string; readonly output?: unknown }

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
    options.signal?.throwIfAborted()
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

  async history(options: { readonly cursor?: number; readonly limit?: number } = {}): Promise<HistoryEntry[]> {
    const entries: HistoryEntry[] = []
    let { cursor } = options
    for (;;) {
      const limit = Math.min(500, (options.limit ?? Infinity) - entries.length)
      const page = await this.#http.json<{ history: unknown[]; cursor?: string }>("GET", this.#path("/history"), {
        query: { cursor, limit },
      })
      entries.push(...page.history.map((entry) => fromTaggedJson(entry) as HistoryEntry))
      if (page.cursor === undefined || entries.length === options.limit) return entries
      cursor = Number(page.cursor)
    }
  }

  /** The history from `cursor` on, then what happens, until it has ended. Goes on after a lost connection. */
  async *subscribe(
    options: { readonly cursor?: number; readonly signal?: AbortSignal } = {},
  ): AsyncGenerator<HistoryEntry, void, void> {
    for await (const event of this.#follow(options.cursor ?? 0, options.signal))
      if (event.type !== "end") yield fromTaggedJson(event.data) as HistoryEntry
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
      if (event.type === "end") return statusOf(event.data as StatusJson)
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
    const json = toTaggedJson(withoutFunctions(options))
    const { id } = await this.#http.json<{ id: string }>("POST", "/v1/workflows", { json })
    return new DynamicWorkflow(this.#http, id)
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
  async list(
    options: { readonly status?: InstanceStatus; readonly limit?: number; readonly cursor?: string } = {},
  ): Promise<{
    readonly workflows: readonly { readonly id: string; readonly status: InstanceStatus; readonly createdAt: number }[]
    readonly cursor?: string
  }> {
    return this.#http.json("GET", "/v1/workflows", { query: { ...options } })
  }

  async deleteBatch(ids: readonly string[]): Promise<{
    readonly deleted: readonly { readonly id: string }[]
    readonly errors: readonly { readonly id: string; readonly code: string; readonly message: string }[]
  }> {
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

function statusOf({ id: _, output, ...status }: StatusJson): WorkflowStatus {
  return output === undefined ? status : { ...status, output: fromTaggedJson(output) }
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
