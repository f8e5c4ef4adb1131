import { runAttempt } from "./attempt-runner.ts"
import type { Clock } from "./clock.ts"
import type { JournalRow, NewRow } from "./journal.ts"
import { LazySignal } from "./lazy-signal.ts"
import { retryDelay } from "./retry.ts"
import { SharedTimer } from "./shared-timer.ts"
import type { Attempt, AttemptEnd, DoConfig } from "./step-host.ts"
import { describeKey, scopeOf, type StepKey } from "./step-key.ts"
import type { Waits } from "./waits.ts"

/** A step with a body, or the undoing of one. */
export interface Work {
  readonly key: StepKey
  readonly config: DoConfig
  /** Whether it must be durable that an attempt begins before it does. */
  readonly isAnnounced: boolean
  /** Whether it undoes something: then it also runs when the program is over. */
  readonly isUndoing: boolean
  /** As of `DoStep`. */
  readonly isLast: boolean
  run(attempt: Attempt): Promise<AttemptEnd>
}

/** What attempts need of their activation. */
export interface AttemptsWorld {
  readonly clock: Clock
  readonly waits: Waits
  readonly maxParallel: number
  /** Rejects when the activation was given up. */
  commit(rows: readonly NewRow[]): Promise<void>
  /** Writes that the work is done, under the same terms. */
  succeed(work: Work, row: NewRow): Promise<void>
  /** Makes the attempt; steps inside it are counted anew. */
  prepare(key: StepKey, attempt: number, abort: LazySignal): Attempt
  timeoutFailure(message: string): string
  /** Whether what this work says is still of interest. */
  isWanted(work: Work): boolean
  isPausing(): boolean
  /** A commit failed, or something threw that must not: the activation can't go on. */
  onBroken(error: unknown): void
  /** An attempt is over. */
  onChange(): void
}

/** Runs attempts, some at a time, and puts the next one off after a failure. */
export class Attempts {
  readonly #world: AttemptsWorld
  readonly #running = new Map<StepKey, LazySignal>()
  readonly #timer: SharedTimer
  #queued: (() => void)[] = []

  constructor(world: AttemptsWorld) {
    this.#world = world
    this.#timer = new SharedTimer(world.clock)
  }

  /** Goes on where `begun` left off: with the first attempt, the one that was interrupted, or the next one when it is due. */
  begin(work: Work, begun: JournalRow | undefined, dueAt: number): void {
    if (begun?.phase === "retry") return this.#retryAt(work, dueAt, begun.attempt + 1)
    const start = (): void => this.#start(work, begun?.attempt ?? 1, begun !== undefined)
    // A step that holds a place waits for those inside it: they need none.
    if (scopeOf(work.key) === "") this.#enqueue(start)
    else start()
  }

  get size(): number {
    return this.#running.size
  }

  get keys(): StepKey[] {
    return [...this.#running.keys()]
  }

  get hasQueued(): boolean {
    return this.#queued.length > 0
  }

  /** Whether nothing runs but attempts that only wait for a step inside them; those start over when that wait is over. */
  get areWaiting(): boolean {
    if (this.#running.size === 0) return true
    for (const key of this.#running.keys()) if (!this.#isWaitingInside(key)) return false
    return true
  }

  /** Starts what had to wait for a place, or for the end of a pause. */
  startQueued(): void {
    while (!this.#world.isPausing() && this.#running.size < this.#world.maxParallel) {
      const start = this.#queued.shift()
      if (start === undefined) return
      start()
    }
  }

  /** Tells all that run to stop; what they still say is ignored when the activation no longer wants it. */
  abort(why: string): void {
    this.#queued = []
    for (const abort of this.#running.values()) abort.abort("AbortError", why)
  }

  /** Nothing is looked at any more. */
  stop(why: string): void {
    this.abort(why)
    this.#timer.stop()
  }

  #enqueue(start: () => void): void {
    this.#queued.push(start)
    this.startQueued()
  }

  #retryAt(work: Work, at: number, attempt: number): void {
    this.#world.waits.set(work.key, at, () => this.#enqueue(() => this.#start(work, attempt, false)))
  }

  #start(work: Work, attempt: number, isAnnounced: boolean): void {
    const abort = new LazySignal()
    this.#running.set(work.key, abort)
    const over = (): void => {
      this.#running.delete(work.key)
      this.startQueued()
      this.#world.onChange()
    }
    this.#perform(work, attempt, isAnnounced, abort).then(over, (error: unknown) => this.#world.onBroken(error))
  }

  async #perform(work: Work, attempt: number, isAnnounced: boolean, abort: LazySignal): Promise<void> {
    const { clock } = this.#world
    const { key, config } = work
    const startedAt = clock.now()
    const start: NewRow = { key, phase: "start", attempt, at: startedAt }
    if (work.isAnnounced && !isAnnounced) await this.#world.commit([start])
    if (!this.#world.isWanted(work)) return
    const watch = {
      timer: this.#timer,
      startedAt: clock.now(),
      now: () => clock.now(),
      timeoutMs: config.timeoutMs,
      abort,
      onSlow: () => {
        if (!work.isAnnounced && this.#world.isWanted(work)) this.#world.commit([start]).catch(() => {})
      },
      isWaiting: () => this.#isWaitingInside(key),
      timedOut: () => this.#timedOut(key, config),
    }
    const end = await runAttempt(watch, () => work.run(this.#world.prepare(key, attempt, abort)))
    if (this.#world.isWanted(work)) await this.#record(work, attempt, startedAt, end)
  }

  #timedOut(key: StepKey, { timeoutMs }: DoConfig): AttemptEnd {
    const failure = this.#world.timeoutFailure(`${describeKey(key)} took longer than its timeout of ${timeoutMs} ms`)
    return { ok: false, isRetryable: true, failure }
  }

  async #record(work: Work, attempt: number, startedAt: number, end: AttemptEnd): Promise<void> {
    const { key, config } = work
    const { clock, commit, succeed } = this.#world
    const at = clock.now()
    const { detail } = end
    const common = { key, attempt, at, startedAt, ...(detail !== undefined && { detail }) }
    if (end.ok) return succeed(work, { ...common, phase: "ok", value: end.value })
    const failed = { ...common, value: end.failure }
    if (!end.isRetryable || attempt > config.retries.limit) return commit([{ ...failed, phase: "err" }])
    const dueAt = at + Math.min(end.delayMs ?? retryDelay(config.retries, attempt), config.retries.maxDelayMs)
    await commit([{ ...failed, phase: "retry", dueAt, shifts: true }])
    this.#retryAt(work, dueAt, attempt + 1)
  }

  #isWaitingInside(key: StepKey): boolean {
    const prefix = `${key}/`
    for (const other of this.#running.keys()) {
      if (other.startsWith(prefix) && !this.#isWaitingInside(other)) return false
    }
    for (const other of this.#world.waits.keys) if (other.startsWith(prefix)) return true
    return false
  }
}
