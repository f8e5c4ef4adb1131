import { randomUUID } from "node:crypto"
import { activeSpan, isTracing, MayflyError, type Span, tell } from "@mayfly/protocol"
import type { Store } from "@mayfly/store"
import type { Activation } from "../core/activation.ts"
import { type Clock, SystemClock } from "../core/clock.ts"
import { isEnded } from "../core/control.ts"
import type { ActivationEnd, Finish } from "../core/ports.ts"
import type { StepHost } from "../core/step-host.ts"
import { parseKey } from "../core/step-key.ts"
import { eventType, invalid, record } from "../define/check.ts"
import {
  decode,
  encodeEventPayload,
  encodeFailure,
  engineFailure,
  hashOf,
  instanceError,
  readFailure,
} from "../define/codec.ts"
import { needsCode, type WorkflowDefinition } from "../define/definition.ts"
import type { HookSignature } from "../define/hook-about.ts"
import type { Closures } from "../define/parse-steps.ts"
import { type ParsedWorkflow, parseWorkflow, type WorkflowOptions } from "../define/parse-workflow.ts"
import { nextTick, type Schedule } from "../define/schedule.ts"
import type { WorkflowClasses } from "../define/workflow-classes.ts"
import type { StepSandbox } from "../run/step-context.ts"
import { noRunner, type StepRunner } from "../run/step-runner.ts"
import { SqlWorkflowStore } from "../store/sql-workflow-store.ts"
import type { Spawn } from "../store/stored.ts"
import type {
  Claimed,
  CommitAck,
  ControlRequest,
  Created,
  DueInstance,
  HistoryRow,
  InstanceNumber,
  InstanceRow,
  ListQuery,
  NewInstance,
  Sent,
  WorkflowStore,
} from "../store/workflow-store.ts"
import { CodeRegistry } from "./code-registry.ts"
import { Definitions, sensitiveNames } from "./definitions.ts"
import type { Dispatched, Dispatcher } from "./dispatcher.ts"
import { noGovernor, type WorkflowGovernor } from "./governor.ts"
import { KeepAlive } from "./keep-alive.ts"
import { LocalDispatcher } from "./local-dispatcher.ts"
import { type ActivationWorld, prepareActivation } from "./run-activation.ts"
import { runningOf, type RunningWorld } from "./running.ts"
import { childOf, tickOf } from "./started-instance.ts"
import { TraceContexts } from "./trace-contexts.ts"
import { Watchers } from "./watchers.ts"

export interface EngineOptions {
  /** Stays the caller's. */
  readonly store: Store
  /** Runs guest code. Without one only host closures run. */
  readonly runner?: StepRunner
  /** Opens a sandbox for a host closure. Without it there are none. */
  readonly sandbox?: (tenant: string, id: string, options?: object) => Promise<StepSandbox>
  /** Says what tenants may do. Without one they may do anything. */
  readonly governor?: WorkflowGovernor
  readonly clock?: Clock
  /** Instances in memory at once, of one tenant at most three quarters of that. Default 2,000. */
  readonly maxActive?: number
  /** Attempts of one instance at once. Default 100. */
  readonly maxParallel?: number
  /** Steps of one instance. Default 10,000. */
  readonly maxSteps?: number
  /** All results of one instance; they are in memory while it runs. Default 256 MiB. */
  readonly maxStoredBytes?: number
  /** Told of what goes wrong behind the scenes; the engine goes on by itself. Default: nobody. */
  readonly onError?: (error: unknown) => void
}

const defaultStored = 256 << 20
const poisonLimit = 5
const maxUpgradeTries = 5
const firstRetryMs = 20
const slowestRetryMs = 10_000
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

/** What a create is part of. */
export type WorkflowOrigin =
  /** A request that, handled again, creates the same: kept beside instances that have functions, until they end. */
  | { readonly kind: "request"; readonly text: string }
  /** Such a request, handled again. */
  | { readonly kind: "again" }

/** Who creates an instance. */
export interface CreateContext {
  readonly origin?: WorkflowOrigin | undefined
  /** Whether it may name a class of the host's instead of giving code. */
  readonly mayNameClasses?: boolean
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

/** A part of the engine that tests may put in front of steps. */
export type Interceptor = (claimed: Claimed, host: StepHost) => StepHost

/** Runs workflows: keeps them in a store, and in memory only while they do something. */
export class WorkflowEngine implements AsyncDisposable {
  readonly store: WorkflowStore
  readonly clock: Clock
  intercept: Interceptor = (_claimed, host) => host
  readonly #options: EngineOptions
  readonly #governor: WorkflowGovernor
  readonly #dispatcher: Dispatcher
  readonly #code = new CodeRegistry()
  readonly #live = new Map<InstanceNumber, Activation>()
  /** From before an instance is claimed until it has left memory. */
  readonly #inHand = new Set<InstanceNumber>()
  /** Whose they are. */
  readonly #tenants = new Map<InstanceNumber, string>()
  readonly #failures = new Map<InstanceNumber, number>()
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
  }

  /** Takes over what an earlier process left in the store, and begins. Only one engine may have a store at a time. */
  static async start(options: EngineOptions): Promise<WorkflowEngine> {
    const store = await SqlWorkflowStore.open(options.store)
    const engine = new WorkflowEngine(options, store)
    await store.recover(engine.clock.now())
    engine.#dispatcher.start((due) => engine.#run(due))
    engine.#purgeLater()
    return engine
  }

  get active(): number {
    return this.#live.size
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
    for (const activation of this.#live.values()) activation.abandon(stoppedError())
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
      await this.#rehearse(claimed, parsed)
      const { definition } = parsed.instance
      const content = parsed.contentWith(claimed.instance.params)
      const { functions } = parsed.instance
      const rest = { lastSeq: claimed.lastSeq, now: this.clock.now(), ...(functions && { functions }) }
      const request = { number, definition, content, ...rest }
      if (!(await this.store.redefine(request))) continue
      this.#code.delete(tenant, id)
      this.#code.set(tenant, id, parsed.closures)
      this.#live.get(number)?.abandon(new MayflyError("workflow.fenced", "the instance has other code now"))
      this.#dispatcher.wakeAt(this.clock.now())
      this.#watchers.tell(number, "rest")
      return
    }
    throw new MayflyError(
      "workflow.fenced",
      `the workflow instance "${id}" went on meanwhile; pause it, then try again`,
    )
  }

  /** Replays the history against new code, writing nothing. Throws what speaks against it. */
  async #rehearse(claimed: Claimed, { definition, closures }: ParsedWorkflow): Promise<void> {
    const running = runningOf(claimed, definition, this.#runningWorld(closures))
    const activation = prepareActivation(claimed, running, { ...this.#activationWorld(() => {}), isRehearsal: true })
    try {
      const end = await activation.run(running.program)
      if (end.kind === "abandoned") throw end.cause
      if (end.kind === "parked" || end.finish.status === "complete") return
      throw instanceError(readFailure(end.finish.failure), claimed.instance.id)
    } finally {
      running.dispose()
    }
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
    this.#deliver(sent)
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

  #deliver({ number, event }: Pick<Sent, "number" | "event">): void {
    if (event === null) return
    const live = this.#live.get(number)
    if (live === undefined) this.#dispatcher.wakeAt(this.clock.now())
    else live.onEvent(event)
    this.#watchers.tell(number, "change")
  }

  /** Rejects with `workflow.not-found`, `workflow.ended`, `workflow.no-such-step`. */
  async control(request: Omit<ControlRequest, "now" | "failure" | "maxOpen">): Promise<void> {
    this.#checkRunning()
    const { tenant, id, operation } = request
    const maxOpen = operation === "restart" ? await this.#governor.admit(tenant) : null
    const failure = engineFailure("terminated", "the instance was terminated")
    const now = this.clock.now()
    const { number, from, to, fenced, told } = await this.store.control({ ...request, now, failure, maxOpen })
    const live = this.#live.get(number)
    for (const lost of fenced) {
      this.#live.get(lost)?.abandon(new MayflyError("workflow.fenced", `the instance was taken away: ${operation}`))
      this.#watchers.tell(lost, "rest")
    }
    if (to === "waitingForPause") live?.pause()
    else if (from === "waitingForPause" && to === "running") live?.unpause()
    if (operation === "restart") this.#code.revive(tenant, id)
    if (operation === "terminate" && to === "terminated") this.#code.retire(tenant, id)
    if (told !== null) this.#deliver(told)
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
    for (const [number, live] of this.#live) if (this.#tenants.get(number) === tenant) live.abandon(heldError())
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
        const row = this.#inHand.has(number) ? undefined : await this.#find(tenant, id)
        if (row !== undefined && isEnded(row.status)) return row
        if (row !== undefined && row.number !== number) number = row.number
        else {
          const finish = await promise
          if (finish !== undefined) return { status: finish.status, result: resultOf(finish) }
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

  // Running

  async #run(due: DueInstance): Promise<Dispatched> {
    const { number } = due
    this.#inHand.add(number)
    try {
      return await this.#runOnce(due)
    } catch (error) {
      if (!(error instanceof MayflyError) || error.code !== "store.corrupt") throw error
      return await this.#giveUp(due, error)
    } finally {
      // In this order: who finds it in hand is told afterwards.
      this.#inHand.delete(number)
      this.#watchers.tell(number, "rest")
    }
  }

  /** What can't be read must not hold up the others, nor be left waiting in silence. `restart` begins it anew. */
  async #giveUp({ tenant, id }: DueInstance, { message }: MayflyError): Promise<Dispatched> {
    const failure = encodeFailure({ name: "MayflyError", code: "workflow.damaged", message })
    await this.store.control({ tenant, id, operation: "terminate", failure, now: this.clock.now() })
    this.#code.retire(tenant, id)
    return { wakeAt: null }
  }

  async #runOnce({ number, tenant, id, definitionHash, wakeAt: dueAt }: DueInstance): Promise<Dispatched> {
    const definition = await this.#definitions.get(definitionHash)
    if (this.#code.lacks(definition, tenant, id)) {
      await this.store.park(number, "needs-code", this.clock.now())
      return { wakeAt: null }
    }
    const heldUntil = await this.#governor.heldUntil(tenant)
    if (heldUntil !== null) {
      const wakeAt = heldUntil === Infinity ? null : heldUntil
      await this.store.park(number, "suspended", this.clock.now(), wakeAt)
      return { wakeAt }
    }
    const claimed = await this.store.claim(number, this.clock.now())
    if (claimed === null) return { wakeAt: null }
    // 0 stands for an instance that nothing was due for.
    if (dueAt > 0) tell("wake", { latenessMs: Math.max(0, this.clock.now() - dueAt) })
    this.#setActive()
    try {
      if (claimed.idle > poisonLimit) return await this.#condemn(claimed)
      if (claimed.instance.schedule !== null) return await this.#tick(claimed, claimed.instance.schedule)
      return await this.#activate(claimed, definition)
    } catch (error) {
      return await this.#giveBack(claimed, error)
    } finally {
      this.#setActive()
    }
  }

  async #activate(claimed: Claimed, definition: WorkflowDefinition): Promise<Dispatched> {
    const { number, tenant, id } = claimed.instance
    if (this.#stopped !== undefined) return this.#giveBack(claimed, stoppedError())
    const span = isTracing() ? await this.#traces.start(claimed.instance) : undefined
    const running = runningOf(claimed, definition, this.#runningWorld(this.#code.get(tenant, id), span))
    let wakeAt: number | null = null
    const world = this.#activationWorld((ack, steps) => {
      wakeAt = ack.wakeAt
      this.#governor.counted(tenant, { instances: ack.started.length, steps })
      this.#onCommit(number, ack)
    })
    const activation = prepareActivation(claimed, running, world)
    this.#live.set(number, activation)
    this.#tenants.set(number, tenant)
    // It was held while it was claimed: whoever holds it later finds it here.
    if (this.#governor.isHeld(tenant)) activation.abandon(heldError())
    this.#setActive()
    this.#watchers.tell(number, "change")
    let end: ActivationEnd
    try {
      end = await activation.run(running.program)
    } finally {
      this.#live.delete(number)
      this.#tenants.delete(number)
      running.dispose()
    }
    const outcome = end.kind === "finished" ? end.finish.status : end.kind
    tell("activation", { end: outcome })
    span?.set({ "mayfly.workflow.activation": outcome })
    span?.end(end.kind === "abandoned" ? "workflow.interrupted" : undefined)
    if (end.kind === "abandoned") return this.#giveBack(claimed, end.cause)
    this.#failures.delete(number)
    if (end.kind === "finished") {
      this.#code.retire(tenant, id)
      this.#watchers.tell(number, "rest", end.finish)
    }
    if (end.kind === "finished" && span !== undefined) void this.#traces.forget(number)
    return { wakeAt }
  }

  #runningWorld(closures: Closures, span?: Span): RunningWorld {
    return {
      span,
      runner: this.#options.runner ?? noRunner,
      closures,
      classes: this.#code.classes,
      startChild: (parent, name, child, params) =>
        childOf(parent, {
          name,
          definition: child,
          params,
          now: this.clock.now(),
          maxOpen: this.#governor.maxOpen(parent.instance.tenant),
        }),
      sandbox: async (tenant, id, options) => this.#sandbox(tenant, id, options),
      intercept: (one, host) => this.intercept(one, host),
    }
  }

  #activationWorld(onCommit: ActivationWorld["onCommit"]): ActivationWorld {
    const { maxParallel = 100, maxSteps = 10_000, maxStoredBytes = defaultStored } = this.#options
    return { store: this.store, clock: this.clock, maxParallel, maxSteps, maxStored: maxStoredBytes, onCommit }
  }

  #onCommit(number: InstanceNumber, { told, started }: CommitAck): void {
    for (const due of started) this.#dispatcher.offer(due)
    if (told !== null) this.#deliver(told)
    this.#watchers.tell(number, "change")
  }

  /** Nobody knows what came of the last commit: the next activation reads what is there. */
  async #giveBack({ instance: { number, epoch } }: Claimed, cause: unknown): Promise<Dispatched> {
    if (cause instanceof MayflyError && cause.code === "workflow.fenced") {
      this.#failures.delete(number)
      return { wakeAt: this.clock.now() }
    }
    const isStopping = this.#stopped !== undefined
    const isHeld = cause instanceof MayflyError && cause.code === "tenant.suspended"
    if (!isStopping && !isHeld) this.#report(cause)
    const failures = (this.#failures.get(number) ?? 0) + (isHeld ? 0 : 1)
    this.#failures.set(number, failures)
    const delayMs = isStopping || isHeld ? 0 : Math.min(firstRetryMs * 2 ** (failures - 1), slowestRetryMs)
    const at = this.clock.now() + delayMs
    for (let waitMs = firstRetryMs; ; waitMs = Math.min(waitMs * 2, slowestRetryMs)) {
      try {
        await this.store.release(number, epoch, at)
        return { wakeAt: at }
      } catch (error) {
        // The next start of the engine does the same.
        if (this.#stopped !== undefined) return { wakeAt: null }
        this.#report(error)
        await new Promise<void>((resolve) => this.clock.at(this.clock.now() + waitMs, resolve))
      }
    }
  }

  /** It was in memory each time the process died, alone at last. */
  async #condemn({ instance, idle }: Claimed): Promise<Dispatched> {
    const failure = encodeFailure({
      name: "PoisonWorkflowError",
      code: "workflow.poison",
      message: `the instance got nowhere in ${idle - 1} activations: the process ended each time while it ran`,
    })
    const then = { finish: { status: "errored", failure } } as const
    const ack = await this.store.commit(instance.number, instance.epoch, { rows: [], then }, this.clock.now())
    this.#onCommit(instance.number, ack)
    return { wakeAt: null }
  }

  /** A schedule starts an instance for the moment that has come, one for all that were missed, and waits for the next. */
  async #tick({ instance }: Claimed, text: string): Promise<Dispatched> {
    const schedule = JSON.parse(text) as Schedule
    const now = this.clock.now()
    const next = nextTick(schedule, now)
    const body = await this.#definitions.body(instance.definitionHash)
    const functions = needsCode(await this.#definitions.get(instance.definitionHash)) ? { functions: {} } : {}
    const start = tickOf(instance, { body, tick: instance.startAt, cron: schedule.cron, now, ...functions })
    const maxOpen = this.#governor.maxOpen(instance.tenant)
    const spawn: Spawn = { key: "", start, conflict: "", tooDeep: "", tooMany: "", maxOpen }
    const park = { wakeAt: next, reason: "schedule", seenEvent: Number.MAX_SAFE_INTEGER } as const
    const ack = await this.store.commit(
      instance.number,
      instance.epoch,
      { rows: [], spawn: [spawn], then: { park } },
      now,
    )
    this.#code.set(instance.tenant, start.id, this.#code.get(instance.tenant, instance.id))
    this.#governor.counted(instance.tenant, { instances: ack.started.length })
    this.#onCommit(instance.number, ack)
    return { wakeAt: next }
  }

  async #sandbox(tenant: string, id: string, options: object | undefined): Promise<StepSandbox> {
    if (this.#options.sandbox !== undefined) return this.#options.sandbox(tenant, id, options)
    throw new MayflyError("input.invalid", "there are no sandboxes here")
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
    this.#keepAlive.set(this.#stopped === undefined && (this.#watched > 0 || this.#live.size > 0))
  }

  #checkRunning(): void {
    if (this.#stopped !== undefined) throw stoppedError()
  }

  #report(error: unknown): void {
    this.#options.onError?.(error)
  }
}

function withOrigin(instance: NewInstance, origin: WorkflowOrigin | undefined): NewInstance {
  if (instance.functions === undefined || origin?.kind !== "request") return instance
  return { ...instance, functions: { origin: origin.text } }
}

function resultOf(finish: Finish): string {
  return finish.status === "complete" ? finish.value : finish.failure
}

function heldError(): MayflyError {
  return new MayflyError("tenant.suspended", "the tenant is held")
}

function stoppedError(): MayflyError {
  return new MayflyError("workflow.engine-stopped", "the workflow engine has stopped")
}
