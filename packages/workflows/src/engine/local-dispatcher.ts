import type { Clock } from "../core/clock.ts"
import type { ConcurrencyKey, DueInstance, InstanceNumber, WorkflowStore } from "../store/workflow-store.ts"
import type { Dispatched, Dispatcher } from "./dispatcher.ts"
import { FairQueue } from "./fair-queue.ts"

export interface LocalDispatcherOptions {
  readonly store: Pick<WorkflowStore, "due" | "park" | "placeFree">
  readonly clock: Clock
  /** Instances in memory at once. */
  readonly maxActive: number
  onError(error: unknown): void
}

/** Instances of one tenant that wait in memory; more stay in the store until these are gone. */
const maxWaiting = 1_000
/** With this many activations that got nowhere, an instance is suspected of killing the process. */
const suspectIdle = 2
const tenantShare = 0.75
const slowestRetryMs = 5_000
const firstRetryMs = 50
/** Hints are not guaranteed: what they missed is found after this long at the latest. */
const lookEveryMs = 1_000

/** For one process: one timer to the earliest moment, and no thing in memory for what sleeps. */
export class LocalDispatcher implements Dispatcher {
  readonly #options: LocalDispatcherOptions
  readonly #queue = new FairQueue<DueInstance>()
  readonly #suspects: DueInstance[] = []
  /** In the queue or running. */
  readonly #known = new Map<InstanceNumber, "waiting" | "running" | "again">()
  readonly #offered = new Map<InstanceNumber, DueInstance>()
  readonly #byKey = new Map<string, number>()
  #run: ((instance: DueInstance) => Promise<Dispatched>) | undefined
  #isSuspectRunning = false
  #isLooking = false
  #mustLook = false
  #after = ""
  #active = 0
  #timerAt = Infinity
  #cancelTimer = (): void => {}
  #retryMs = firstRetryMs
  /** The store is in trouble: nothing begins before. */
  #blockedUntil = 0
  #idle = Promise.withResolvers<void>()
  #isStopped = false

  constructor(options: LocalDispatcherOptions) {
    this.#options = options
  }

  /** A tenant whose instances stay in memory must leave places for others. */
  get #mostPerTenant(): number {
    return Math.max(1, Math.ceil(this.#options.maxActive * tenantShare))
  }

  get active(): number {
    return this.#active
  }

  start(run: (instance: DueInstance) => Promise<Dispatched>): void {
    this.#run = run
    this.#look()
  }

  offer(instance: DueInstance): void {
    if (this.#isStopped) return
    const known = this.#known.get(instance.number)
    if (known === undefined) this.#add(instance)
    else if (known !== "waiting") {
      this.#known.set(instance.number, "again")
      this.#offered.set(instance.number, instance)
    }
    this.#pump()
  }

  wakeAt(at: number): void {
    if (at <= this.#options.clock.now()) this.#look()
    else if (at < this.#timerAt) this.#arm(at)
  }

  isActive(number: InstanceNumber): boolean {
    return this.#known.get(number) === "running" || this.#known.get(number) === "again"
  }

  async stop(): Promise<void> {
    this.#isStopped = true
    this.#cancelTimer()
    this.#queue.clear()
    this.#suspects.length = 0
    if (this.#active > 0) await this.#idle.promise
  }

  #arm(at: number): void {
    this.#cancelTimer()
    this.#timerAt = at
    this.#cancelTimer = this.#options.clock.at(at, () => {
      this.#timerAt = Infinity
      this.#look()
    })
  }

  /** Asks the store for what is due. */
  #look(): void {
    this.#mustLook = true
    if (this.#isLooking || this.#isStopped || this.#run === undefined) return
    this.#isLooking = true
    void this.#lookOn()
  }

  async #lookOn(): Promise<void> {
    while (this.#mustLook && !this.#isStopped) {
      this.#mustLook = false
      await this.#lookOnce()
    }
    // In the turn of the last question: who comes after it must find that nobody looks.
    this.#isLooking = false
  }

  async #lookOnce(): Promise<void> {
    const { clock, store } = this.#options
    try {
      const { due, nextAt, last } = await store.due(clock.now(), maxWaiting, this.#after)
      this.#after = last
      this.#take(due)
      const isMore = last !== "" || due.some(({ number }) => !this.#known.has(number))
      const now = clock.now()
      // What did not fit is looked for again when there is room, and in any case after a while.
      const at = Math.min(nextAt ?? Infinity, now + lookEveryMs)
      this.#arm(isMore ? Math.min(at, now + firstRetryMs) : at)
    } catch (error) {
      this.#block(error)
    }
  }

  /** Whatever failed, it is likely to fail for all: a full disk must not be asked thousands of times. */
  #block(error: unknown): void {
    this.#options.onError(error)
    this.#blockedUntil = this.#options.clock.now() + this.#retryMs
    this.#arm(this.#blockedUntil)
    this.#retryMs = Math.min(this.#retryMs * 2, slowestRetryMs)
  }

  #take(due: readonly DueInstance[]): void {
    for (const instance of due) {
      // It is due again before its last turn is quite over.
      if (this.isActive(instance.number)) this.offer(instance)
      else if (!this.#known.has(instance.number) && this.#queue.sizeOf(instance.tenant) < maxWaiting)
        this.#add(instance)
    }
    this.#pump()
  }

  #add(instance: DueInstance): void {
    if (this.#queue.sizeOf(instance.tenant) >= maxWaiting) return
    this.#known.set(instance.number, "waiting")
    if (instance.idle >= suspectIdle) this.#suspects.push(instance)
    else this.#queue.add(instance.tenant, instance)
  }

  #pump(): void {
    if (this.#run === undefined || this.#options.clock.now() < this.#blockedUntil) return
    // Suspects run one after the other, so that the process's next death says which of them it was.
    while (!this.#isStopped && !this.#isSuspectRunning && this.#suspects.length > 0) {
      const suspect = this.#suspects.shift()
      if (suspect === undefined) break
      this.#isSuspectRunning = true
      this.#begin(suspect, () => (this.#isSuspectRunning = false))
    }
    while (!this.#isStopped && this.#active < this.#options.maxActive) {
      const instance = this.#queue.take(this.#mostPerTenant)
      if (instance === undefined) return
      this.#begin(instance, () => this.#queue.done(instance.tenant))
    }
  }

  #begin(instance: DueInstance, done: () => void): void {
    const { number, concurrency } = instance
    this.#known.set(number, "running")
    this.#active++
    const isAdmitted = this.#enter(instance, concurrency)
    const running = isAdmitted ? this.#runOne(instance) : this.#wait(instance)
    void running.then((wakeAt) => {
      this.#active--
      done()
      const mustRunAgain = this.#known.get(number) === "again"
      this.#known.delete(number)
      if (isAdmitted && concurrency !== null) this.#leave(instance, concurrency)
      const again = this.#offered.get(number)
      this.#offered.delete(number)
      if (mustRunAgain && again !== undefined) this.offer(again)
      else if (wakeAt !== null) this.wakeAt(wakeAt)
      this.#pump()
      if (this.#active === 0) {
        this.#idle.resolve()
        this.#idle = Promise.withResolvers<void>()
      }
    })
  }

  async #runOne(instance: DueInstance): Promise<number | null> {
    try {
      const dispatched = await this.#run?.(instance)
      this.#retryMs = firstRetryMs
      return dispatched?.wakeAt ?? null
    } catch (error) {
      this.#block(error)
      return null
    }
  }

  // Places under a key

  #enter({ tenant }: DueInstance, concurrency: ConcurrencyKey | null): boolean {
    if (concurrency === null) return true
    const name = `${tenant} ${concurrency.key}`
    const taken = this.#byKey.get(name) ?? 0
    if (taken >= concurrency.limit) return false
    this.#byKey.set(name, taken + 1)
    return true
  }

  async #wait({ number }: DueInstance): Promise<null> {
    const { store, clock, onError } = this.#options
    await store.park(number, "concurrency", clock.now()).catch(onError)
    return null
  }

  #leave({ tenant }: DueInstance, { key, limit }: ConcurrencyKey): void {
    const name = `${tenant} ${key}`
    const taken = (this.#byKey.get(name) ?? 1) - 1
    if (taken > 0) this.#byKey.set(name, taken)
    else this.#byKey.delete(name)
    const { store, clock, onError } = this.#options
    store.placeFree(tenant, key, limit - taken, clock.now()).then((freed) => {
      if (freed > 0) this.#look()
    }, onError)
  }
}
