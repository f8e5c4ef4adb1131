import { type Limits, MayflyError, type TenantBudget, type TenantQuota } from "@mayfly/protocol"
import type { AskedRun } from "@mayfly/runtime"
import type { LoadedTenant } from "./account-procedures.ts"
import { budgetError, BudgetWatch } from "./budget-watch.ts"
import { limitsWithin } from "./check-limits.ts"
import { suspendedError, type TenantSettings } from "./tenant-settings.ts"
import { TokenBucket } from "./token-bucket.ts"

export interface Defaults {
  readonly quota: TenantQuota
  readonly budget: TenantBudget
}

interface Waiting {
  readonly asked: AskedRun
  /** When it came, on the clock of `performance.now`. */
  readonly since: number
  begin(): void
  fail(error: MayflyError): void
}

const defaultQueued = 1_000
/** A run that waits for its turn longer than this is refused: it may be waited for by the very run that is in its way. */
const maxWaitMs = 30_000
/** Distinct workers of a day that have a row each; the rest is counted together. */
const maxWorkersOfDay = 10_000
const others = "(other)"

/** One tenant in memory: what it may do, what it does, what it has used. Rules only; nothing here waits for a disk. */
export class TenantAccount {
  readonly tenant: string
  readonly budget: BudgetWatch
  settings: TenantSettings = {}
  quota: TenantQuota = {}
  limits: TenantBudget = {}
  lastUsed = 0
  /** Runs that were let in, and objects in memory. */
  readonly running = new Set<AskedRun>()
  #waiting: Waiting[] = []
  #bucket: TokenBucket | undefined
  /** Objects rest in memory: they take nobody's place. */
  #objects = 0
  #day: number
  #workers = new Set<string>()
  #storedWorkers: number

  constructor(tenant: string, day: number, loaded: Pick<LoadedTenant, "day" | "month" | "workers">) {
    this.tenant = tenant
    this.budget = new BudgetWatch(tenant, day, { day: loaded.day, month: loaded.month })
    this.#day = day
    this.#storedWorkers = loaded.workers
  }

  apply(settings: TenantSettings, defaults: Defaults, told: LoadedTenant["alerts"]): void {
    this.settings = settings
    this.quota = settings.quota ?? defaults.quota
    this.limits = settings.budget ?? defaults.budget
    this.budget.setBudget(this.limits, told)
    const { runsPerSecond, burst } = this.quota
    const most = burst ?? Math.max(1, Math.ceil(runsPerSecond ?? 1))
    const isSame = this.#bucket?.perSecond === runsPerSecond && this.#bucket?.burst === most
    if (typeof runsPerSecond !== "number") this.#bucket = undefined
    else if (!isSame) this.#bucket = new TokenBucket(runsPerSecond, most, performance.now())
    this.#beginNext()
  }

  get bucket(): TokenBucket | undefined {
    return this.#bucket
  }

  get waiting(): readonly AskedRun[] {
    return this.#waiting.map(({ asked }) => asked)
  }

  get isIdle(): boolean {
    return this.running.size === 0 && this.#waiting.length === 0
  }

  turnTo(day: number): void {
    if (day === this.#day) return
    this.#day = day
    this.#workers = new Set()
    this.#storedWorkers = 0
    this.budget.turnTo(day)
  }

  /** Throws `tenant.suspended` or `quota.budget`. */
  check(runsUnderWay = 0): void {
    const { suspended } = this.settings
    if (suspended !== undefined) throw suspendedError(this.tenant, suspended)
    if (!this.budget.hasHard) return
    const exhausted = this.budget.exhausted(runsUnderWay)
    if (exhausted !== undefined) throw budgetError(exhausted)
  }

  /** When it may go on: null when it may, a time, or Infinity until its suspension is lifted. */
  get heldUntil(): number | null {
    if (this.settings.suspended !== undefined) return Infinity
    // The runs of steps are refused one by one.
    const exhausted = this.budget.hasHard ? this.budget.exhausted(0) : undefined
    return exhausted?.resetsAt ?? null
  }

  /** Lets a run in, at once or in its turn. Throws and rejects with `quota.*` and `tenant.suspended`. */
  enter(asked: AskedRun): Limits | null | Promise<Limits | null> {
    const limits = limitsWithin(asked, this.quota.limits)
    this.check(this.running.size - this.#objects + this.#waiting.length)
    if (asked.call === "object") {
      this.#objects++
      return this.#begin(asked, limits)
    }
    const isFull = this.#isFull
    if (isFull) this.#checkQueue()
    if (asked.call !== "prewarm") this.#takeToken()
    return isFull ? this.#wait(asked, limits) : this.#begin(asked, limits)
  }

  get #isFull(): boolean {
    const { concurrentRuns } = this.quota
    return typeof concurrentRuns === "number" && this.running.size - this.#objects >= concurrentRuns
  }

  #checkQueue(): void {
    const { queuedRuns = defaultQueued, concurrentRuns } = this.quota
    if (this.#waiting.length < queuedRuns) return
    throw this.#tooMany(`${concurrentRuns} runs of tenant "${this.tenant}" are under way and ${queuedRuns} wait`)
  }

  #tooMany(message: string): MayflyError {
    const { concurrentRuns = null } = this.quota
    return new MayflyError("quota.concurrency", message, {
      details: { tenant: this.tenant, concurrentRuns, retryAfterMs: 1_000 },
    })
  }

  /** Throws what a run would be refused with now. */
  mayBegin(): void {
    this.check(this.running.size - this.#objects + this.#waiting.length)
    if (this.#isFull) this.#checkQueue()
    const bucket = this.#bucket
    const retryAfterMs = bucket?.look(performance.now()).nextInMs ?? 0
    if (bucket !== undefined && retryAfterMs > 0) throw this.#tooFast(bucket, retryAfterMs)
  }

  #takeToken(): void {
    const bucket = this.#bucket
    if (bucket === undefined) return
    const retryAfterMs = bucket.take(performance.now())
    if (retryAfterMs > 0) throw this.#tooFast(bucket, retryAfterMs)
  }

  #tooFast({ perSecond, burst }: TokenBucket, retryAfterMs: number): MayflyError {
    return new MayflyError("quota.rate", `tenant "${this.tenant}" may begin ${perSecond} runs per second`, {
      details: { tenant: this.tenant, runsPerSecond: perSecond, burst, retryAfterMs },
    })
  }

  #begin(asked: AskedRun, limits: Limits | null): Limits | null {
    this.running.add(asked)
    const left = this.budget.cpuMsLeft
    if (left === undefined || (asked.limits.cpuMs ?? Infinity) <= left) return limits
    // Less than a millisecond is no limit.
    return { ...(limits ?? asked.limits), cpuMs: Math.max(1, Math.min(left, limits?.cpuMs ?? Infinity)) }
  }

  async #wait(asked: AskedRun, limits: Limits | null): Promise<Limits | null> {
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    const waiting: Waiting = { asked, since: performance.now(), begin: resolve, fail: reject }
    const late = (): void => this.#giveUp(waiting, this.#tooMany(`the run waited ${maxWaitMs} ms for its turn`))
    const gone = (): void =>
      this.#giveUp(waiting, new MayflyError("worker.aborted", "the run was cancelled while it waited for its turn"))
    const timer = setTimeout(late, maxWaitMs)
    asked.signal?.addEventListener("abort", gone, { once: true })
    this.#waiting.push(waiting)
    try {
      await promise
    } finally {
      clearTimeout(timer)
      asked.signal?.removeEventListener("abort", gone)
    }
    // Its place was taken for it when its turn came; see #beginNext. Much may have changed since it was let in.
    try {
      this.check(this.running.size - this.#objects - 1)
    } catch (error) {
      this.leave(asked)
      throw error
    }
    return this.#begin(asked, limits)
  }

  #giveUp(waiting: Waiting, error: MayflyError): void {
    const at = this.#waiting.indexOf(waiting)
    if (at === -1) return
    this.#waiting.splice(at, 1)
    waiting.fail(error)
  }

  #beginNext(): void {
    while (this.#waiting.length > 0 && !this.#isFull) {
      const next = this.#waiting.shift()
      if (next === undefined) return
      this.running.add(next.asked)
      next.begin()
    }
  }

  /** A run is over, or was never begun. */
  leave(asked: AskedRun): void {
    if (!this.running.delete(asked)) return
    if (asked.call === "object") this.#objects--
    if (this.#waiting.length > 0) this.#beginNext()
  }

  /** Ends all that is under way or waits, with this error. Gives how many. */
  cancelAll(error: MayflyError): number {
    const waiting = this.#waiting
    this.#waiting = []
    const running = [...this.running]
    for (const one of waiting) one.fail(error)
    for (const one of running) one.cancel(error)
    return waiting.length + running.length
  }

  /** False when there is no such run under way. */
  cancel(id: string, error: MayflyError): boolean {
    const waiting = this.#waiting.find(({ asked }) => asked.id === id)
    if (waiting !== undefined) {
      this.#giveUp(waiting, error)
      return true
    }
    for (const asked of this.running) {
      if (asked.id !== id) continue
      asked.cancel(error)
      return true
    }
    return false
  }

  /** Under which name a worker is counted: a flood of programs must not become a flood of rows. */
  rowOf(asked: Pick<AskedRun, "name" | "hash">): string {
    if (asked.name !== undefined) return asked.name
    const { hash } = asked
    if (this.#workers.has(hash)) return hash
    if (this.#storedWorkers + this.#workers.size >= maxWorkersOfDay) return others
    this.#workers.add(hash)
    return hash
  }
}
