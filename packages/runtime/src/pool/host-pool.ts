import { availableParallelism } from "node:os"
import { defaultLimits, MayflyError } from "@mayfly/protocol"
import { FairQueue } from "./fair-queue.ts"
import { HostProcess, type HostSettings } from "./host-process.ts"
import type { IsolatePool, PoolHandler, PoolOutcome, PoolRequest, PoolStats } from "./isolate-pool.ts"
import { PoolRun } from "./pool-run.ts"
import { findRuntimeFiles } from "./runtime-files.ts"
import { WarmPace } from "./warm-pace.ts"

export interface HostPoolOptions {
  /** Host processes, one CPU lane each. Default: the number of cores. */
  readonly hosts?: number
  /** Warm isolates per host. Default 8. */
  readonly isolates?: number
  /** Whether one more host stands ready to replace a dead one within milliseconds. Default true. */
  readonly spare?: boolean
  /** Waiting runs per tenant before `worker.queue-full`. Default 10,000. */
  readonly maxQueued?: number
  /** How long more processes than `hosts` take runs, since runs had to wait for one. Default 10 s. */
  readonly burstMs?: number
}

/** When no lane came free for this long, another tenant's run gets a host of its own. */
const burstForOthersMs = 20
/** The same, when only runs of the tenant itself are in the way. */
const burstForSelfMs = 100
const burstFactor = 4
/** Lanes that no single tenant may take. */
const lanesKeptFree = 2
/** A tenant counts as active for this long after it asked for a run. */
const activeMs = 3_000
const maxRunsPerHost = 64
/** A process is replaced after this many runs: whatever leaks, leaks no further. */
const recycleAfterRuns = 20_000
const beatMs = 1_000
const maxStartFailures = 3

/** Runs isolates in host processes: fair between tenants, more processes when short runs would wait behind long ones. */
export class HostPool implements IsolatePool {
  readonly #settings: HostSettings
  readonly #base: number
  readonly #max: number
  readonly #maxQueued: number
  readonly #burstMs: number
  readonly #wantsSpare: boolean
  readonly #pace = new WarmPace()
  readonly #queue = new FairQueue<PoolRun>()
  readonly #hosts = new Set<HostProcess>()
  #spare: HostProcess | undefined
  /** When each tenant last asked for a run. */
  readonly #lastActive = new Map<string, number>()
  #running = 0
  #burstTimer: NodeJS.Timeout | undefined
  #burstUntil = 0
  #beat: NodeJS.Timeout | undefined
  #retirement: NodeJS.Timeout | undefined
  #startFailures = 0
  #isDisposed = false

  constructor(options: HostPoolOptions = {}) {
    this.#settings = {
      files: findRuntimeFiles(),
      isolates: options.isolates ?? 8,
      memoryMb: defaultLimits.memoryMb,
      pace: this.#pace,
    }
    this.#base = options.hosts ?? availableParallelism()
    this.#max = Math.max(this.#base * burstFactor, this.#base + 2)
    this.#maxQueued = options.maxQueued ?? 10_000
    this.#burstMs = options.burstMs ?? 10_000
    this.#wantsSpare = options.spare ?? true
    for (let count = 0; count < this.#base; count++) this.#hosts.add(this.#launch())
  }

  async run(request: PoolRequest, handler: PoolHandler, signal?: AbortSignal): Promise<PoolOutcome> {
    if (this.#isDisposed) throw new MayflyError("platform.disposed", "the platform was disposed; nothing can run on it")
    if (this.#queue.sizeOf(request.tenant) >= this.#maxQueued) throw this.#queueFull(request.tenant)
    const run = new PoolRun(request, handler)
    const abort = (): void => this.#abort(run)
    signal?.addEventListener("abort", abort, { once: true })
    // An object may wait for calls for ever.
    let isHeld = request.call !== "object"
    if (isHeld) this.#hold(1)
    run.onHold = (wanted) => {
      if (wanted === isHeld) return
      isHeld = wanted
      this.#hold(wanted ? 1 : -1)
    }
    try {
      this.#lastActive.set(request.tenant, performance.now())
      this.#queue.add(request.tenant, run)
      this.#dispatch()
      return await run.outcome
    } finally {
      if (isHeld) this.#hold(-1)
      signal?.removeEventListener("abort", abort)
    }
  }

  hold(): () => void {
    let isHeld = true
    this.#hold(1)
    return () => {
      if (isHeld) this.#hold(-1)
      isHeld = false
    }
  }

  stats(): PoolStats {
    const ready = [...this.#hosts].filter((host) => host.isReady)
    return {
      hosts: ready.length,
      hasSpare: this.#spare?.isReady === true,
      running: ready.reduce((sum, host) => sum + host.size, 0),
      waiting: this.#queue.size,
    }
  }

  #queueFull(tenant: string): MayflyError {
    const message = `${this.#maxQueued} runs of tenant "${tenant}" are waiting already`
    return new MayflyError("worker.queue-full", message, {
      details: { tenant, limit: this.#maxQueued, retryAfterMs: 1_000 },
    })
  }

  /** Processes keep the caller's event loop alive only while something runs. */
  #hold(change: number): void {
    this.#running += change
    // Whoever disposes waits for the processes to be gone.
    if (this.#isDisposed) return
    const isHeld = this.#running > 0
    if (this.#running === (change > 0 ? 1 : 0)) {
      for (const host of this.#all()) host.hold(isHeld)
      clearInterval(this.#beat)
      if (isHeld) this.#beat = setInterval(() => this.#heartbeat(), beatMs)
    }
    if (!isHeld) this.#retireLater()
  }

  *#all(): Iterable<HostProcess> {
    yield* this.#hosts
    if (this.#spare !== undefined) yield this.#spare
  }

  #launch(): HostProcess {
    const host = new HostProcess(this.#settings, {
      onFree: () => this.#dispatch(),
      onSentBack: (runs) => this.#sentBack(runs),
      onReady: () => this.#ready(),
      onGone: (gone, movable, reason) => this.#gone(gone, movable, reason),
    })
    host.hold(this.#running > 0)
    return host
  }

  #ready(): void {
    this.#startFailures = 0
    // The spare comes after the first host can work: it must not slow down the start.
    if (this.#wantsSpare && this.#spare === undefined && !this.#isDisposed) this.#spare = this.#launch()
    this.#dispatch()
  }

  #sentBack(runs: readonly PoolRun[]): void {
    for (const run of runs.toReversed()) this.#queue.putBack(run.request.tenant, run)
    this.#dispatch()
  }

  #gone(host: HostProcess, movable: readonly PoolRun[], reason: string): void {
    const wasLane = this.#hosts.delete(host)
    if (this.#spare === host) this.#spare = undefined
    if (this.#isDisposed) {
      for (const run of movable) run.endWithout("aborted")
      return
    }
    if (host.runsStarted === 0 && ++this.#startFailures > maxStartFailures) return this.#giveUp(movable, reason)
    for (const run of movable) this.#queue.putBack(run.request.tenant, run)
    if (wasLane && this.#hosts.size < this.#base) this.#hosts.add(this.#takeSpare())
    this.#dispatch()
  }

  /** Hosts die before they can work: say so instead of letting everybody wait for ever. */
  #giveUp(movable: readonly PoolRun[], reason: string): void {
    for (const run of [...movable, ...this.#queue.drain()]) run.crashed(`host processes do not start: ${reason}`, false)
    this.#startFailures = 0
    if (this.#hosts.size < this.#base)
      setTimeout(() => !this.#isDisposed && this.#hosts.add(this.#launch()), beatMs).unref()
  }

  #takeSpare(): HostProcess {
    const spare = this.#spare
    this.#spare = undefined
    const host = spare ?? this.#launch()
    if (this.#wantsSpare && spare !== undefined) this.#spare = this.#launch()
    return host
  }

  #abort(run: PoolRun): void {
    const wasQueued = this.#queue.remove(run.request.tenant, run)
    run.endWithout("aborted")
    if (!wasQueued) for (const host of this.#hosts) host.abort(run)
  }

  #dispatch(): void {
    while (this.#queue.size > 0) {
      const lanes = this.#lanesByTenant()
      const run = this.#queue.take((tenant) => {
        const held = lanes.get(tenant) ?? 0
        return held >= this.#laneCap(tenant) ? Infinity : held
      })
      if (run === undefined) return
      if (run.isOver) continue
      const host = this.#hostFor(run)
      if (host === undefined) {
        this.#queue.putBack(run.request.tenant, run)
        return this.#armBurst(lanes, run)
      }
      host.start(run)
      // Lanes come free: waiting a little longer is cheaper than another process.
      this.#disarmBurst()
      if (host.runsStarted >= recycleAfterRuns) this.#recycle(host)
    }
    this.#disarmBurst()
  }

  #disarmBurst(): void {
    clearTimeout(this.#burstTimer)
    this.#burstTimer = undefined
  }

  /** Alone, a tenant may spread over more processes than there are cores, so that its short runs pass its long ones. Beside others it may not. */
  #laneCap(tenant: string): number {
    const since = performance.now() - activeMs
    for (const [other, lastActive] of this.#lastActive) {
      if (lastActive < since) this.#lastActive.delete(other)
      else if (other !== tenant) return this.#base
    }
    return Math.max(this.#base, this.#max - lanesKeptFree)
  }

  #lanesByTenant(): Map<string, number> {
    const lanes = new Map<string, number>()
    for (const host of this.#hosts) {
      for (const tenant of new Set(host.laneTenants)) lanes.set(tenant, (lanes.get(tenant) ?? 0) + 1)
    }
    return lanes
  }

  /** A free lane; one without waiting runs of other tenants where there is a choice. One run may stand behind another that is about to end. */
  #hostFor(run: PoolRun): HostProcess | undefined {
    let best: HostProcess | undefined
    let bestCost = Infinity
    for (const host of this.#openHosts()) {
      const cost = this.#cost(host, run)
      if (cost < bestCost) {
        best = host
        bestCost = cost
      }
    }
    return best
  }

  /** No more than there are cores, but in a burst: what came with one is left alone after it, so that it rests and goes. */
  #openHosts(): readonly HostProcess[] {
    const usable = [...this.#hosts].filter(isUsable)
    return (this.#isBursting ? usable : usable.slice(0, this.#base)).filter(({ isLong }) => !isLong)
  }

  get #isBursting(): boolean {
    return performance.now() < this.#burstUntil
  }

  #cost(host: HostProcess, run: PoolRun): number {
    const { starting } = host
    const { keep } = run.request
    if (starting >= this.#pace.line(run.isAlone ? undefined : keep)) return Infinity
    // Among equals the one that rested longest: it has refilled its pool meanwhile.
    const rest = host.idleSince / 1e12
    const warmth = keep !== undefined && host.warmFor(keep) > 0 ? -500 : 0
    return warmth + starting * 1_000 + (host.holdsOthers(run.request.tenant) ? 100_000 : 0) + host.size + rest
  }

  #armBurst(lanes: ReadonlyMap<string, number>, waiting: PoolRun): void {
    if (this.#burstTimer !== undefined || (this.#isBursting && this.#hosts.size >= this.#max)) return
    const isOthers = [...lanes.keys()].some((tenant) => tenant !== waiting.request.tenant)
    this.#burstTimer = setTimeout(() => this.#burst(), isOthers ? burstForOthersMs : burstForSelfMs)
  }

  #burst(): void {
    this.#burstTimer = undefined
    if (this.#isDisposed || this.#queue.size === 0) return
    // What rests after an earlier burst comes first; when that is not enough, there is a next time.
    const rests = !this.#isBursting && this.#hosts.size > this.#base
    this.#burstUntil = performance.now() + this.#burstMs
    // Hosts that are still starting will take what waits.
    const starts = [...this.#hosts].some((host) => !host.isReady)
    if (!rests && !starts && this.#hosts.size < this.#max) this.#hosts.add(this.#takeSpare())
    this.#dispatch()
  }

  #recycle(host: HostProcess): void {
    host.isRetiring = true
    this.#hosts.add(this.#takeSpare())
  }

  #heartbeat(): void {
    for (const host of this.#all()) host.ping()
    this.#retireIdle()
    this.#dispatch()
  }

  /** Nothing runs, so nothing beats: surplus processes go when they have rested long enough. */
  #retireLater(): void {
    this.#retireIdle()
    clearTimeout(this.#retirement)
    this.#retirement = setTimeout(() => this.#retireIdle(), this.#burstMs + beatMs).unref()
  }

  #retireIdle(): void {
    const now = performance.now()
    for (const host of this.#hosts) {
      const isSurplus = this.#hosts.size > this.#base && now - host.idleSince > this.#burstMs
      if (host.size === 0 && host.isReady && (host.isRetiring || isSurplus)) {
        this.#hosts.delete(host)
        host.kill()
      }
    }
  }

  async dispose(): Promise<void> {
    if (this.#isDisposed) return
    this.#isDisposed = true
    clearTimeout(this.#burstTimer)
    clearInterval(this.#beat)
    clearTimeout(this.#retirement)
    for (const run of this.#queue.drain()) run.endWithout("aborted")
    await Promise.all([...this.#all()].map((host) => host.stop()))
    this.#hosts.clear()
  }
}

function isUsable({ isReady, isRetiring, size }: HostProcess): boolean {
  return isReady && !isRetiring && size < maxRunsPerHost
}
