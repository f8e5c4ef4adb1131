import { randomUUID } from "node:crypto"
import { activeSpan, MayflyError } from "@mayfly/protocol"
import { type Clock, SystemClock } from "../core/clock.ts"
import { isEnded } from "../core/control.ts"
import type { Finish } from "../core/ports.ts"
import { parseKey } from "../core/step-key.ts"
import { eventType, invalid, record } from "../define/check.ts"
import { decode, encodeEventPayload, engineFailure, hashOf } from "../define/codec.ts"
import { needsCode } from "../define/definition.ts"
import type { HookSignature } from "../define/hook-about.ts"
import { parseWorkflow, type WorkflowOptions } from "../define/parse-workflow.ts"
import type { WorkflowClasses } from "../define/workflow-classes.ts"
import { noRunner } from "../run/step-runner.ts"
import { SqlWorkflowStore } from "../store/sql-workflow-store.ts"
import type {
  ControlRequest,
  Created,
  HistoryRow,
  InstanceNumber,
  InstanceRow,
  ListQuery,
  NewInstance,
  WorkflowStore,
} from "../store/workflow-store.ts"
import { CodeRegistry } from "./code-registry.ts"
import { type CreateContext, withOrigin } from "./create-context.ts"
import { Definitions, sensitiveNames } from "./definitions.ts"
import type { Dispatcher } from "./dispatcher.ts"
import { stoppedError } from "./engine-errors.ts"
import type { EngineOptions } from "./engine-options.ts"
import { noGovernor, type WorkflowGovernor } from "./governor.ts"
import { InstanceRunner, type Interceptor } from "./instance-runner.ts"
import { KeepAlive } from "./keep-alive.ts"
import { LocalDispatcher } from "./local-dispatcher.ts"
import { TraceContexts } from "./trace-contexts.ts"
import { Watchers } from "./watchers.ts"

const maxUpgradeTries = 5
const purgeEveryMs = 60_000
const purgeAtOnce = 500
const lackingPage = 500

/** A step that waits for an event. */
export interface Hook {
  readonly tenant: string
  readonly id: string
  /** The name of the step. */
  readonly step: string
  readonly type: string
  /** The question, for people. */
  readonly prompt?: string
  /** What its requests must be signed with. */
  readonly signature?: HookSignature
}

export interface InstanceEnd {
  readonly status: InstanceRow["status"]
  /** Encoded: a value when it is complete, else a failure. */
  readonly result: string | null
}

/** An instance that waits for functions of a process that has ended. */
export interface LackingCode {
  readonly tenant: string
  readonly id: string
  readonly params: unknown
  readonly origin?: string
}

const hookTokens = /^[\w-]{43}$/

/** Runs workflows: keeps them in a store, and in memory only while they do something. */
export class WorkflowEngine implements AsyncDisposable {
  readonly store: WorkflowStore
  readonly clock: Clock
  readonly #options: EngineOptions
  readonly #governor: WorkflowGovernor
  readonly #dispatcher: Dispatcher
  readonly #code = new CodeRegistry()
  readonly #runner: InstanceRunner
  readonly #definitions: Definitions
  readonly #traces: TraceContexts
  readonly #keepAlive = new KeepAlive()
  readonly #watchers = new Watchers((count) => this.#setWatched(count))
  #watched = 0
  #cancelPurge = (): void => {}
  #stopped: Promise<void> | undefined

  private constructor(options: EngineOptions, store: WorkflowStore) {
    this.#options = options
    this.#governor = options.governor ?? noGovernor
    this.store = store
    this.#traces = new TraceContexts(options.store)
    this.#definitions = new Definitions(store, options.runner ?? noRunner)
    this.clock = options.clock ?? new SystemClock()
    this.#dispatcher = new LocalDispatcher({
      store,
      clock: this.clock,
      maxActive: options.maxActive ?? 2_000,
      onError: (error) => this.#report(error),
    })
    this.#runner = new InstanceRunner({
      options,
      store,
      clock: this.clock,
      governor: this.#governor,
      code: this.#code,
      definitions: this.#definitions,
      traces: this.#traces,
      watchers: this.#watchers,
      dispatcher: this.#dispatcher,
      onActive: () => this.#setActive(),
      onError: (error) => this.#report(error),
    })
  }

  /** Takes over what an earlier process left in the store, and begins. Only one engine may have a store at a time. */
  static async start(options: EngineOptions): Promise<WorkflowEngine> {
    const store = await SqlWorkflowStore.open(options.store)
    const engine = new WorkflowEngine(options, store)
    await store.recover(engine.clock.now())
    engine.#dispatcher.start((due) => engine.#runner.run(due))
    engine.#purgeLater()
    return engine
  }

  /** For tests: stands in front of all steps. */
  get intercept(): Interceptor {
    return this.#runner.intercept
  }

  set intercept(intercept: Interceptor) {
    this.#runner.intercept = intercept
  }

  get active(): number {
    return this.#runner.active
  }

  /** Lets go of all instances; what they had not written is done again by the next engine. Stopping twice is safe. */
  stop(): Promise<void> {
    return (this.#stopped ??= this.#stop())
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop()
  }

  async #stop(): Promise<void> {
    this.#cancelPurge()
    const stopping = this.#dispatcher.stop()
    this.#runner.stop()
    await stopping
    this.#watchers.tellAll()
    this.#keepAlive.set(false)
  }

  // What callers may do

  /** Rejects with `input.invalid`, `workflow.exists`, `workflow.handled-again`, or what is wrong with the code; nothing is stored then. */
  async create(
    tenant: string,
    options: WorkflowOptions,
    { origin, mayNameClasses = false }: CreateContext = {},
  ): Promise<{ id: string; number: InstanceNumber }> {
    this.#checkRunning()
    const classes = mayNameClasses ? this.#code.classes : undefined
    const { instance: parsed, definition, closures } = parseWorkflow(options, tenant, this.clock.now(), classes)
    // Whoever brings a class back brings it for all of its instances.
    const instance = definition.kind === "class" ? parsed : withOrigin(parsed, origin)
    if (origin?.kind === "again") await this.#checkKnown(instance)
    const maxOpen = await this.#governor.admit(tenant)
    await this.#definitions.check(instance.definition, tenant)
    const created = await this.store.create(instance, this.clock.now(), maxOpen)
    this.#code.set(tenant, instance.id, closures)
    if (created.isCreated && activeSpan() !== undefined) await this.#traces.remember(created.number)
    await this.#begin(created, instance, closures.size > 0)
    return { id: instance.id, number: created.number }
  }

  /** What is handled a second time must not do a second time what it did: it only brings back what the process before took with it. */
  async #checkKnown({ tenant, id }: NewInstance): Promise<void> {
    if ((await this.store.get(tenant, id)) !== null) return
    const message = `a request that is handled again after a restart can't start the workflow "${id}", which is not there`
    throw new MayflyError("workflow.handled-again", message, { details: { id } })
  }

  async #begin({ number, isCreated }: Created, instance: NewInstance, hasCode: boolean): Promise<void> {
    const { tenant, id, startAt, definition, concurrency = null } = instance
    if (isCreated) this.#governor.counted(tenant, { instances: 1 })
    if (isCreated && startAt <= this.clock.now()) {
      const due = { number, tenant, id, definitionHash: definition.hash, wakeAt: startAt, idle: 0, concurrency }
      return this.#dispatcher.offer(due)
    }
    if (isCreated) return this.#dispatcher.wakeAt(startAt)
    if (!hasCode) return
    const due = await this.store.codeCame(number, this.clock.now())
    if (due !== null) this.#dispatcher.offer(due)
  }

  /** Another instance with the same steps, which already has the results before `from`. */
  async fork(
    tenant: string,
    id: string,
    from: string,
    changes: { readonly id?: unknown; readonly params?: unknown; readonly steps?: unknown; readonly script?: unknown },
  ): Promise<{ id: string; number: InstanceNumber }> {
    this.#checkRunning()
    const row = await this.#find(tenant, id)
    const given = record(changes, "changes")
    const isNew = given["steps"] !== undefined || given["script"] !== undefined
    const definition = await this.#definitions.get(row.definitionHash)
    const options = isNew ? given : { ...given, steps: [{ name: "placeholder", sleep: 0 }] }
    const parsed = parseWorkflow(options as WorkflowOptions, tenant, this.clock.now())
    const params = Object.hasOwn(given, "params") ? parsed.instance.params : row.params
    const body = isNew ? parsed.instance.definition.body : await this.#definitions.body(row.definitionHash)
    const hash = isNew ? parsed.instance.definition.hash : row.definitionHash
    const content = hashOf(hash, params, `fork of ${row.number} at ${from}`)
    const functions = needsCode(isNew ? parsed.definition : definition) ? { functions: {} } : {}
    const instance = { ...parsed.instance, params, content, definition: { hash, body }, ...functions }
    if (isNew) await this.#definitions.check(parsed.instance.definition, tenant)
    const maxOpen = await this.#governor.admit(tenant)
    const created = await this.store.fork({ tenant, id, instance, from, now: this.clock.now(), maxOpen })
    const closures = isNew ? parsed.closures : this.#code.get(tenant, id)
    if (needsCode(isNew ? parsed.definition : definition)) this.#code.set(tenant, instance.id, closures)
    await this.#begin(created, instance, closures.size > 0)
    return { id: instance.id, number: created.number }
  }

  /**
   * Gives an instance other code for the rest of its life, after its history was replayed against it. Rejects with `workflow.nondeterminism` when the new code
   * goes another way, `workflow.ended`, and what `create` rejects with; nothing is changed then.
   */
  async upgrade(tenant: string, id: string, options: WorkflowOptions): Promise<void> {
    this.#checkRunning()
    const given = record(options, "options")
    const parsed = parseWorkflow({ ...given, id } as WorkflowOptions, tenant, this.clock.now())
    await this.#definitions.check(parsed.instance.definition, tenant)
    for (let tries = 0; tries < maxUpgradeTries; tries++) {
      const { number, status } = await this.#find(tenant, id)
      if (isEnded(status)) throw new MayflyError("workflow.ended", `the workflow instance "${id}" has ended`)
      const claimed = await this.store.peek(number)
      if (claimed === null) continue
      await this.#runner.rehearse(claimed, parsed)
      const { definition } = parsed.instance
      const content = parsed.contentWith(claimed.instance.params)
      const { functions } = parsed.instance
      const rest = { lastSeq: claimed.lastSeq, now: this.clock.now(), ...(functions && { functions }) }
      const request = { number, definition, content, ...rest }
      if (!(await this.store.redefine(request))) continue
      this.#code.delete(tenant, id)
      this.#code.set(tenant, id, parsed.closures)
      this.#runner.live(number)?.abandon(new MayflyError("workflow.fenced", "the instance has other code now"))
      this.#dispatcher.wakeAt(this.clock.now())
      this.#watchers.tell(number, "rest")
      return
    }
    throw new MayflyError(
      "workflow.fenced",
      `the workflow instance "${id}" went on meanwhile; pause it, then try again`,
    )
  }

  /** Rejects with `input.invalid`, `workflow.not-found`, `workflow.ended`. */
  async sendEvent(tenant: string, id: string, event: unknown): Promise<{ isDuplicate: boolean }> {
    this.#checkRunning()
    const { type, payload, eventId = randomUUID() } = record(event, "event")
    if (typeof eventId !== "string" || eventId === "" || eventId.length > 256 || eventId.startsWith("\u0000")) {
      throw invalid("event.eventId", "must be a text of 1 to 256 characters")
    }
    const sent = await this.store.sendEvent({
      tenant,
      id,
      eventId,
      type: eventType(type, "event.type"),
      payload: encodeEventPayload(payload),
      now: this.clock.now(),
    })
    this.#runner.deliver(sent)
    return { isDuplicate: sent.isDuplicate }
  }

  /** What a token stands for: the instance and step that wait. Rejects with `workflow.hook-not-found`, `workflow.hook-used`. */
  async findHook(token: string): Promise<Hook> {
    const found = typeof token === "string" && hookTokens.test(token) ? await this.store.findHook(token) : null
    if (found === null) throw new MayflyError("workflow.hook-not-found", "nothing waits for this token")
    const { isUsed, step, about, ...hook } = found
    if (isUsed) throw new MayflyError("workflow.hook-used", "what waited for this token has gone on")
    return { ...hook, step: parseKey(step).name, ...about }
  }

  /** Sends the event that a waiting step's token stands for. The second event of the same token is a duplicate, or `workflow.hook-used`. */
  async sendToHook(token: string, payload: unknown): Promise<{ isDuplicate: boolean }> {
    const { tenant, id, type } = await this.findHook(token)
    return this.sendEvent(tenant, id, { type, payload, eventId: `hook ${token}` })
  }

  /** Rejects with `workflow.not-found`, `workflow.ended`, `workflow.no-such-step`. */
  async control(request: Omit<ControlRequest, "now" | "failure" | "maxOpen">): Promise<void> {
    this.#checkRunning()
    const { tenant, id, operation } = request
    const maxOpen = operation === "restart" ? await this.#governor.admit(tenant) : null
    const failure = engineFailure("terminated", "the instance was terminated")
    const now = this.clock.now()
    const { number, from, to, fenced, told } = await this.store.control({ ...request, now, failure, maxOpen })
    const live = this.#runner.live(number)
    for (const lost of fenced) {
      this.#runner.live(lost)?.abandon(new MayflyError("workflow.fenced", `the instance was taken away: ${operation}`))
      this.#watchers.tell(lost, "rest")
    }
    if (to === "waitingForPause") live?.pause()
    else if (from === "waitingForPause" && to === "running") live?.unpause()
    if (operation === "restart") this.#code.revive(tenant, id)
    if (operation === "terminate" && to === "terminated") this.#code.retire(tenant, id)
    if (told !== null) this.#runner.deliver(told)
    if (operation !== "pause") this.#dispatcher.wakeAt(now)
    this.#watchers.tell(number, "rest")
  }

  /** From now on these are the classes of the host's. Instances go on that wait for one; those in memory keep what they have. */
  async provideClasses(classes: WorkflowClasses): Promise<void> {
    this.#code.classes = classes
    const now = this.clock.now()
    // Who was found lacking one of them before asked the store to park it before this.
    if ((await this.store.allCodeCame(now)) > 0) this.#dispatcher.wakeAt(now)
  }

  /** What a tenant's instances do ends, and none of it counts as failed; they are held as the governor says. */
  hold(tenant: string): void {
    this.#runner.hold(tenant)
  }

  /** The governor lets a tenant go on. */
  async goOn(tenant: string): Promise<void> {
    const now = this.clock.now()
    if ((await this.store.goOn(tenant, now)) > 0) this.#dispatcher.wakeAt(now)
  }

  async get(tenant: string, id: string): Promise<InstanceRow> {
    return this.#find(tenant, id)
  }

  /** Why it waits, as callers should see it. */
  async reasonOf({ tenant, id, status, reason, definitionHash }: InstanceRow): Promise<string | null> {
    if (status !== "waiting" && status !== "queued") return reason
    const isMissing = this.#code.lacks(await this.#definitions.get(definitionHash), tenant, id)
    return isMissing ? "needs-code" : reason
  }

  async list(query: ListQuery): Promise<readonly InstanceRow[]> {
    return this.store.list(query)
  }

  /** Instances, of one tenant or of all, that can't go on before `create` brings their functions; the newest first. */
  async *lackingCode(tenant?: string): AsyncGenerator<LackingCode> {
    for (let after: InstanceNumber | undefined; ;) {
      const page = {
        limit: lackingPage,
        ...(after !== undefined && { after }),
        ...(tenant !== undefined && { tenant }),
      }
      const rows = await this.store.listHosted(page)
      for (const { row, origin } of rows) {
        if (!this.#code.lacks(await this.#definitions.get(row.definitionHash), row.tenant, row.id)) continue
        yield { tenant: row.tenant, id: row.id, params: decode(row.params), ...(origin !== null && { origin }) }
      }
      after = rows.at(-1)?.row.number
      if (rows.length < lackingPage) return
    }
  }

  async delete(tenant: string, id: string): Promise<void> {
    this.#checkRunning()
    const { number, status } = await this.#find(tenant, id)
    if (!isEnded(status)) await this.control({ tenant, id, operation: "terminate" })
    await this.store.delete(tenant, id)
    this.#code.delete(tenant, id)
    this.#watchers.tell(number, "rest")
  }

  /**
   * How the instance has ended. `number` is what it had when the caller last saw it, if that is known: one that is in hand needs no query then. Rejects with
   * `workflow.not-found` when it is deleted meanwhile.
   */
  async ended(tenant: string, id: string, known?: InstanceNumber, signal?: AbortSignal): Promise<InstanceEnd> {
    let number = known ?? (await this.#find(tenant, id)).number
    while (this.#stopped === undefined && signal?.aborted !== true) {
      const { promise, resolve } = Promise.withResolvers<Finish | undefined>()
      const onAbort = (): void => resolve(undefined)
      const unwatch = this.#watchers.watch(number, "rest", resolve)
      signal?.addEventListener("abort", onAbort, { once: true })
      try {
        // What is in hand tells when it comes to rest; whatever happened to any other before it was watched, the query sees.
        const row = this.#runner.isInHand(number) ? undefined : await this.#find(tenant, id)
        if (row !== undefined && isEnded(row.status)) return row
        if (row !== undefined && row.number !== number) number = row.number
        else {
          const finish = await promise
          if (finish?.status === "complete") return { status: finish.status, result: finish.value }
          if (finish !== undefined) return { status: finish.status, result: finish.failure }
        }
      } finally {
        unwatch()
        signal?.removeEventListener("abort", onAbort)
      }
    }
    throw signal?.aborted === true ? (signal.reason as Error) : stoppedError()
  }

  /** Yields at once and after each change, until the engine stops or the signal says so. */
  async *news(number: InstanceNumber, signal?: AbortSignal): AsyncGenerator<void> {
    let wake = Promise.withResolvers<void>()
    const onNews = (): void => wake.resolve()
    const unwatch = this.#watchers.watch(number, "change", onNews)
    signal?.addEventListener("abort", onNews, { once: true })
    try {
      while (this.#stopped === undefined && signal?.aborted !== true) {
        yield
        await wake.promise
        wake = Promise.withResolvers<void>()
      }
    } finally {
      unwatch()
      signal?.removeEventListener("abort", onNews)
    }
  }

  async history(number: InstanceNumber, after: number, limit: number): Promise<readonly HistoryRow[]> {
    return this.store.history(number, after, limit)
  }

  /** Names of steps whose results are not for the history. */
  async sensitiveSteps(hash: string): Promise<ReadonlySet<string>> {
    return sensitiveNames(await this.#definitions.get(hash))
  }

  // Housekeeping

  async #find(tenant: string, id: string): Promise<InstanceRow> {
    const row = await this.store.get(tenant, id)
    if (row !== null) return row
    throw new MayflyError("workflow.not-found", `there is no workflow instance "${id}"`, { details: { id } })
  }

  #purgeLater(): void {
    this.#cancelPurge = this.clock.at(this.clock.now() + purgeEveryMs, () => {
      this.store
        .purge(this.clock.now(), purgeAtOnce)
        .catch((error: unknown) => this.#report(error))
        .finally(() => this.#stopped ?? this.#purgeLater())
    })
  }

  #setWatched(count: number): void {
    this.#watched = count
    this.#setActive()
  }

  #setActive(): void {
    this.#keepAlive.set(this.#stopped === undefined && (this.#watched > 0 || this.#runner.active > 0))
  }

  #checkRunning(): void {
    if (this.#stopped !== undefined) throw stoppedError()
  }

  #report(error: unknown): void {
    this.#options.onError?.(error)
  }
}
