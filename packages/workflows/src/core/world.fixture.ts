import { Activation, childEventType } from "./activation.ts"
import type { Clock } from "./clock.ts"
import type { JournalRow, PendingEvent } from "./journal.ts"
import type { Ack, ActivationEnd, Change, Finish, Ports, Program } from "./ports.ts"
import { defaultRetries, defaultTimeoutMs, type RetryPolicy } from "./retry.ts"
import type { Attempt, AttemptEnd, Settled, StepHost } from "./step-host.ts"

/** A clock that stands still until a test turns it. */
export class HandClock implements Clock {
  #now = 1_000_000
  readonly #timers = new Map<object, { readonly at: number; readonly fire: () => void }>()

  now(): number {
    return this.#now
  }

  at(at: number, fire: () => void): () => void {
    const id = {}
    this.#timers.set(id, { at, fire })
    if (at <= this.#now) setImmediate(() => this.#fire(id))
    return () => this.#timers.delete(id)
  }

  turn(ms: number): void {
    this.turnTo(this.#now + ms)
  }

  turnTo(at: number): void {
    this.#now = Math.max(at, this.#now)
    for (const [id, timer] of this.#timers) if (timer.at <= this.#now) this.#fire(id)
  }

  /** To the moment of the next timer. */
  turnToNext(): void {
    const next = Math.min(...[...this.#timers.values()].map(({ at }) => at))
    if (next < Infinity) this.turnTo(next)
  }

  #fire(id: object): void {
    const timer = this.#timers.get(id)
    if (this.#timers.delete(id)) timer?.fire()
  }
}

export const turn = (): Promise<boolean> => new Promise((resolve) => setImmediate(() => resolve(true)))

/** What a commit may do besides succeeding. */
export type Fault = "none" | "lost" | "unknown" | "late"

/** One instance with a journal in memory, and user code written as `step.do(name, body)`. */
export class World {
  readonly clock = new HandClock()
  readonly journal: JournalRow[] = []
  readonly events: (PendingEvent & { takenBy?: string })[] = []
  /** Bodies that were run, in order. */
  readonly ran: string[] = []
  readonly spawned: unknown[] = []
  activations = 0
  commits = 0
  finish: Finish | undefined
  wakeAt: number | null | undefined
  pausedMs = 0
  isTerminating = false
  maxSteps = 10_000
  maxParallel = 100
  maxStored = Infinity
  tracksNesting = false
  #epoch = 0
  #tokens = 0
  #live: Activation | undefined
  readonly #fault: (commit: number) => Fault

  constructor(fault: (commit: number) => Fault = () => "none") {
    this.#fault = fault
  }

  send(type: string, payload: unknown): void {
    const event = { seq: this.events.length + 1, type, receivedAt: this.clock.now(), payload: JSON.stringify(payload) }
    this.events.push(event)
    this.#live?.onEvent(event)
  }

  /** One stay in memory, until it ends or `until` says so. */
  async activate(program: Program): Promise<ActivationEnd> {
    this.activations++
    const epoch = ++this.#epoch
    const activation = new Activation(
      {
        id: "test",
        journal: [...this.journal],
        events: this.events.filter(({ takenBy }) => takenBy === undefined),
        lastSeq: this.journal.at(-1)?.seq ?? 0,
        pausedMs: this.pausedMs,
        isTerminating: this.isTerminating,
        maxSteps: this.maxSteps,
        maxStored: this.maxStored,
        maxParallel: this.maxParallel,
        tracksNesting: this.tracksNesting,
      },
      this.#ports(epoch),
    )
    this.#live = activation
    return activation.run(program)
  }

  get live(): Activation | undefined {
    return this.#live
  }

  /** Activates again and again, turning the clock to what is due, until the instance has ended. */
  async toEnd(program: Program): Promise<Finish> {
    while (this.finish === undefined) {
      if (this.activations > 1_000) throw new Error("the instance does not end")
      const pending = this.activate(program)
      const end = await this.#turning(pending)
      if (end.kind === "parked" && end.wakeAt !== null) this.clock.turnTo(end.wakeAt)
      if (end.kind === "parked" && end.wakeAt === null) throw new Error("parked for good")
    }
    return this.finish
  }

  /** Time passes while somebody waits. */
  async #turning<T>(pending: Promise<T>): Promise<T> {
    let isDone = false
    const done = pending.finally(() => (isDone = true))
    while (!isDone) {
      for (let turns = 0; turns < 10 && !isDone; turns++) await turn()
      if (!isDone) this.clock.turnToNext()
    }
    return done
  }

  #ports(epoch: number): Ports {
    return {
      clock: this.clock,
      turn,
      commit: (change) => this.#commit(epoch, change),
      encodeFailure: (kind, message) => JSON.stringify({ kind, message }),
      encodeEvent: ({ type, payload }) => JSON.stringify({ type, payload: JSON.parse(payload) as unknown }),
      token: () => `token-${++this.#tokens}`,
    }
  }

  async #commit(epoch: number, change: Change): Promise<Ack> {
    const fault = this.#fault(++this.commits)
    await turn()
    if (epoch !== this.#epoch) throw new Error("fenced")
    if (fault === "lost") throw new Error("injected: not written")
    const previousSeq = this.journal.at(-1)?.seq ?? 0
    for (const row of change.rows) {
      const seq = (this.journal.at(-1)?.seq ?? 0) + 1
      this.journal.push({ ...row, seq, pausedMs: this.pausedMs })
    }
    for (const { eventSeq, key } of change.consume ?? []) {
      const event = this.events.find(({ seq }) => seq === eventSeq)
      if (event !== undefined) event.takenBy = key
    }
    for (const { start } of change.spawn ?? []) this.spawned.push(start)
    if (change.then !== undefined && "finish" in change.then) this.finish = change.then.finish
    if (change.then !== undefined && "park" in change.then) this.wakeAt = change.then.park.wakeAt
    if (fault === "late") for (let turns = 0; turns < 8; turns++) await turn()
    if (fault === "unknown") throw new Error("injected: written, but nobody knows")
    return { firstSeq: previousSeq + 1, previousSeq, isPausing: false }
  }

  /** The end of a child. */
  endChild(key: string, settled: Settled): void {
    const payload = settled.ok ? `+${settled.value}` : `-${settled.failure}`
    const event = { seq: this.events.length + 1, type: childEventType(key), receivedAt: this.clock.now(), payload }
    this.events.push(event)
    this.#live?.onEvent(event)
  }
}

export class StepError extends Error {}

export interface StepOptions {
  readonly retries?: Partial<RetryPolicy>
  readonly timeoutMs?: number
  readonly atMostOnce?: boolean
  readonly undo?: (about: { output: unknown; failure: unknown }) => unknown
}

type Body = (attempt: Attempt & { readonly step: Step }) => unknown

/** Steps with JSON values, as a front end gives them. */
export class Step {
  readonly #host: StepHost
  readonly #world: World

  constructor(world: World, host: StepHost) {
    this.#world = world
    this.#host = host
  }

  async do(name: string, body: Body, options: StepOptions = {}): Promise<unknown> {
    const { retries, timeoutMs = defaultTimeoutMs, atMostOnce = false, undo } = options
    const config = { retries: { ...defaultRetries, ...retries }, timeoutMs, atMostOnce }
    const settled = this.#host.do({
      name,
      config,
      run: (attempt) => {
        this.#world.ran.push(`${attempt.key} ${attempt.attempt}`)
        const { key, count, idempotencyKey, signal, inner } = attempt
        const given = { key, name: attempt.name, count, attempt: attempt.attempt, idempotencyKey, signal, inner }
        return attemptOf(() => body({ ...given, step: new Step(this.#world, inner) }))
      },
      ...(undo && {
        compensation: {
          config,
          run: (attempt, { failure, output }) => {
            this.#world.ran.push(`${attempt.key} ${attempt.attempt}`)
            return attemptOf(() => undo({ failure: read(failure), output: output && read(output) }))
          },
        },
      }),
    })
    return this.#value(settled)
  }

  async sleep(name: string, wake: { ms: number } | { until: number }): Promise<void> {
    await this.#value(this.#host.sleep(name, wake))
  }

  async waitForEvent(name: string, type: string, timeoutMs = 86_400_000): Promise<unknown> {
    return this.#value(this.#host.waitForEvent({ name, type, timeoutMs }))
  }

  async child(name: string, start: unknown): Promise<unknown> {
    return this.#value(this.#host.child(name, start))
  }

  async #value(settled: Promise<Settled>): Promise<unknown> {
    const end = await settled
    if (end.ok) return end.value === "" ? undefined : read(end.value)
    const failure = read(end.failure) as { message: string }
    throw Object.assign(new StepError(failure.message), failure)
  }
}

export function program(world: World, code: (step: Step) => Promise<unknown>): Program {
  return async (host) => {
    const end = await attemptOf(() => code(new Step(world, host)))
    return end.ok ? end : { ok: false, failure: end.failure }
  }
}

async function attemptOf(body: () => unknown): Promise<AttemptEnd> {
  try {
    return { ok: true, value: JSON.stringify(await body()) ?? "" }
  } catch (error) {
    const { message, isFatal } = error as Error & { isFatal?: boolean }
    return { ok: false, failure: JSON.stringify({ message }), isRetryable: isFatal !== true }
  }
}

function read(text: string): unknown {
  return text === "" ? undefined : JSON.parse(text)
}

/** Reproducible chance. */
export function randomOf(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296
  }
}
