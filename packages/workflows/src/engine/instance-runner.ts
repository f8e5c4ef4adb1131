import { isTracing, MayflyError, type Span, tell } from "@mayfly/protocol"
import type { Activation } from "../core/activation.ts"
import type { Clock } from "../core/clock.ts"
import type { ActivationEnd } from "../core/ports.ts"
import type { StepHost } from "../core/step-host.ts"
import { encodeFailure, instanceError, readFailure } from "../define/codec.ts"
import { needsCode, type WorkflowDefinition } from "../define/definition.ts"
import type { Closures } from "../define/parse-steps.ts"
import type { ParsedWorkflow } from "../define/parse-workflow.ts"
import { nextTick, type Schedule } from "../define/schedule.ts"
import type { StepSandbox } from "../run/step-context.ts"
import { noRunner } from "../run/step-runner.ts"
import type { Spawn } from "../store/stored.ts"
import type { Claimed, CommitAck, DueInstance, InstanceNumber, Sent, WorkflowStore } from "../store/workflow-store.ts"
import type { CodeRegistry } from "./code-registry.ts"
import type { Definitions } from "./definitions.ts"
import type { Dispatched, Dispatcher } from "./dispatcher.ts"
import { heldError, stoppedError } from "./engine-errors.ts"
import type { EngineOptions } from "./engine-options.ts"
import type { WorkflowGovernor } from "./governor.ts"
import { type ActivationWorld, prepareActivation } from "./run-activation.ts"
import { runningOf, type RunningWorld } from "./running.ts"
import { childOf, tickOf } from "./started-instance.ts"
import type { TraceContexts } from "./trace-contexts.ts"
import type { Watchers } from "./watchers.ts"

/** What a runner shares with its engine. */
export interface RunnerWorld {
  readonly options: EngineOptions
  readonly store: WorkflowStore
  readonly clock: Clock
  readonly governor: WorkflowGovernor
  readonly code: CodeRegistry
  readonly definitions: Definitions
  readonly traces: TraceContexts
  readonly watchers: Watchers
  readonly dispatcher: Pick<Dispatcher, "offer" | "wakeAt">
  /** How many instances are in memory may have changed. */
  onActive(): void
  onError(error: unknown): void
}

/** A part of the engine that tests may put in front of steps. */
export type Interceptor = (claimed: Claimed, host: StepHost) => StepHost

const defaultStored = 256 << 20
const poisonLimit = 5
const firstRetryMs = 20
const slowestRetryMs = 10_000

/** Runs instances: each from its claim until it has ended, parked, or was given back. */
export class InstanceRunner {
  intercept: Interceptor = (_claimed, host) => host
  readonly #world: RunnerWorld
  readonly #live = new Map<InstanceNumber, Activation>()
  /** From before an instance is claimed until it has left memory. */
  readonly #inHand = new Set<InstanceNumber>()
  /** Whose they are. */
  readonly #tenants = new Map<InstanceNumber, string>()
  readonly #failures = new Map<InstanceNumber, number>()
  #isStopping = false

  constructor(world: RunnerWorld) {
    this.#world = world
  }

  get active(): number {
    return this.#live.size
  }

  live(number: InstanceNumber): Activation | undefined {
    return this.#live.get(number)
  }

  /** Whether its watchers will be told when it rests. */
  isInHand(number: InstanceNumber): boolean {
    return this.#inHand.has(number)
  }

  /** Lets go of all; nothing is begun any more. */
  stop(): void {
    this.#isStopping = true
    for (const activation of this.#live.values()) activation.abandon(stoppedError())
  }

  /** What a tenant's instances do ends. */
  hold(tenant: string): void {
    for (const [number, live] of this.#live) if (this.#tenants.get(number) === tenant) live.abandon(heldError())
  }

  /** An event has been stored. */
  deliver({ number, event }: Pick<Sent, "number" | "event">): void {
    if (event === null) return
    const live = this.#live.get(number)
    if (live === undefined) this.#world.dispatcher.wakeAt(this.#world.clock.now())
    else live.onEvent(event)
    this.#world.watchers.tell(number, "change")
  }

  /** Replays the history against new code, writing nothing. Throws what speaks against it. */
  async rehearse(claimed: Claimed, { definition, closures }: ParsedWorkflow): Promise<void> {
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

  /** Claims an instance that is due, and runs it until it rests. Rejects when the store fails. */
  async run(due: DueInstance): Promise<Dispatched> {
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
      this.#world.watchers.tell(number, "rest")
    }
  }

  /** What can't be read must not hold up the others, nor be left waiting in silence. `restart` begins it anew. */
  async #giveUp({ tenant, id }: DueInstance, { message }: MayflyError): Promise<Dispatched> {
    const failure = encodeFailure({ name: "MayflyError", code: "workflow.damaged", message })
    await this.#world.store.control({ tenant, id, operation: "terminate", failure, now: this.#world.clock.now() })
    this.#world.code.retire(tenant, id)
    return { wakeAt: null }
  }

  async #runOnce({ number, tenant, id, definitionHash, wakeAt: dueAt }: DueInstance): Promise<Dispatched> {
    const definition = await this.#world.definitions.get(definitionHash)
    if (this.#world.code.lacks(definition, tenant, id)) {
      await this.#world.store.park(number, "needs-code", this.#world.clock.now())
      return { wakeAt: null }
    }
    const heldUntil = await this.#world.governor.heldUntil(tenant)
    if (heldUntil !== null) {
      const wakeAt = heldUntil === Infinity ? null : heldUntil
      await this.#world.store.park(number, "suspended", this.#world.clock.now(), wakeAt)
      return { wakeAt }
    }
    const claimed = await this.#world.store.claim(number, this.#world.clock.now())
    if (claimed === null) return { wakeAt: null }
    // 0 stands for an instance that nothing was due for.
    if (dueAt > 0) tell("wake", { latenessMs: Math.max(0, this.#world.clock.now() - dueAt) })
    this.#world.onActive()
    try {
      if (claimed.idle > poisonLimit) return await this.#condemn(claimed)
      if (claimed.instance.schedule !== null) return await this.#tick(claimed, claimed.instance.schedule)
      return await this.#activate(claimed, definition)
    } catch (error) {
      return await this.#giveBack(claimed, error)
    } finally {
      this.#world.onActive()
    }
  }

  async #activate(claimed: Claimed, definition: WorkflowDefinition): Promise<Dispatched> {
    const { number, tenant, id } = claimed.instance
    if (this.#isStopping) return this.#giveBack(claimed, stoppedError())
    const span = isTracing() ? await this.#world.traces.start(claimed.instance) : undefined
    const running = runningOf(claimed, definition, this.#runningWorld(this.#world.code.get(tenant, id), span))
    let wakeAt: number | null = null
    const world = this.#activationWorld((ack, steps) => {
      wakeAt = ack.wakeAt
      this.#world.governor.counted(tenant, { instances: ack.started.length, steps })
      this.#onCommit(number, ack)
    })
    const activation = prepareActivation(claimed, running, world)
    this.#live.set(number, activation)
    this.#tenants.set(number, tenant)
    // It was held while it was claimed: whoever holds it later finds it here.
    if (this.#world.governor.isHeld(tenant)) activation.abandon(heldError())
    this.#world.onActive()
    this.#world.watchers.tell(number, "change")
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
      this.#world.code.retire(tenant, id)
      this.#world.watchers.tell(number, "rest", end.finish)
    }
    if (end.kind === "finished" && span !== undefined) void this.#world.traces.forget(number)
    return { wakeAt }
  }

  #runningWorld(closures: Closures, span?: Span): RunningWorld {
    return {
      span,
      runner: this.#world.options.runner ?? noRunner,
      closures,
      classes: this.#world.code.classes,
      startChild: (parent, name, child, params) =>
        childOf(parent, {
          name,
          definition: child,
          params,
          now: this.#world.clock.now(),
          maxOpen: this.#world.governor.maxOpen(parent.instance.tenant),
        }),
      sandbox: async (tenant, id, options) => this.#sandbox(tenant, id, options),
      intercept: (one, host) => this.intercept(one, host),
    }
  }

  #activationWorld(onCommit: ActivationWorld["onCommit"]): ActivationWorld {
    const { maxParallel = 100, maxSteps = 10_000, maxStoredBytes = defaultStored } = this.#world.options
    return {
      store: this.#world.store,
      clock: this.#world.clock,
      maxParallel,
      maxSteps,
      maxStored: maxStoredBytes,
      onCommit,
    }
  }

  #onCommit(number: InstanceNumber, { told, started }: CommitAck): void {
    for (const due of started) this.#world.dispatcher.offer(due)
    if (told !== null) this.deliver(told)
    this.#world.watchers.tell(number, "change")
  }

  /** Nobody knows what came of the last commit: the next activation reads what is there. */
  async #giveBack({ instance: { number, epoch } }: Claimed, cause: unknown): Promise<Dispatched> {
    if (cause instanceof MayflyError && cause.code === "workflow.fenced") {
      this.#failures.delete(number)
      return { wakeAt: this.#world.clock.now() }
    }
    const isStopping = this.#isStopping
    const isHeld = cause instanceof MayflyError && cause.code === "tenant.suspended"
    if (!isStopping && !isHeld) this.#world.onError(cause)
    const failures = (this.#failures.get(number) ?? 0) + (isHeld ? 0 : 1)
    this.#failures.set(number, failures)
    const delayMs = isStopping || isHeld ? 0 : Math.min(firstRetryMs * 2 ** (failures - 1), slowestRetryMs)
    const at = this.#world.clock.now() + delayMs
    for (let waitMs = firstRetryMs; ; waitMs = Math.min(waitMs * 2, slowestRetryMs)) {
      try {
        await this.#world.store.release(number, epoch, at)
        return { wakeAt: at }
      } catch (error) {
        // The next start of the engine does the same.
        if (this.#isStopping) return { wakeAt: null }
        this.#world.onError(error)
        await new Promise<void>((resolve) => this.#world.clock.at(this.#world.clock.now() + waitMs, resolve))
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
    const ack = await this.#world.store.commit(
      instance.number,
      instance.epoch,
      { rows: [], then },
      this.#world.clock.now(),
    )
    this.#onCommit(instance.number, ack)
    return { wakeAt: null }
  }

  /** A schedule starts an instance for the moment that has come, one for all that were missed, and waits for the next. */
  async #tick({ instance }: Claimed, text: string): Promise<Dispatched> {
    const schedule = JSON.parse(text) as Schedule
    const now = this.#world.clock.now()
    const next = nextTick(schedule, now)
    const body = await this.#world.definitions.body(instance.definitionHash)
    const functions = needsCode(await this.#world.definitions.get(instance.definitionHash)) ? { functions: {} } : {}
    const start = tickOf(instance, { body, tick: instance.startAt, cron: schedule.cron, now, ...functions })
    const maxOpen = this.#world.governor.maxOpen(instance.tenant)
    const spawn: Spawn = { key: "", start, conflict: "", tooDeep: "", tooMany: "", maxOpen }
    const park = { wakeAt: next, reason: "schedule", seenEvent: Number.MAX_SAFE_INTEGER } as const
    const ack = await this.#world.store.commit(
      instance.number,
      instance.epoch,
      { rows: [], spawn: [spawn], then: { park } },
      now,
    )
    this.#world.code.set(instance.tenant, start.id, this.#world.code.get(instance.tenant, instance.id))
    this.#world.governor.counted(instance.tenant, { instances: ack.started.length })
    this.#onCommit(instance.number, ack)
    return { wakeAt: next }
  }

  async #sandbox(tenant: string, id: string, options: object | undefined): Promise<StepSandbox> {
    const { sandbox } = this.#world.options
    if (sandbox !== undefined) return sandbox(tenant, id, options)
    throw new MayflyError("input.invalid", "there are no sandboxes here")
  }
}
