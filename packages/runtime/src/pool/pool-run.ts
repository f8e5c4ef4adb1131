import type { PoolHandler, PoolOutcome, PoolRequest, PoolUsage, RunPort } from "./isolate-pool.ts"

const nothingUsed: PoolUsage = { cpuMs: 0, wallMs: 0, peakMemoryBytes: 0 }

/** One run on its way through the pool: queued, in a host, ended. Ends exactly once. */
export class PoolRun {
  readonly request: PoolRequest
  readonly handler: PoolHandler
  readonly outcome: Promise<PoolOutcome>
  readonly queuedAt = performance.now()
  #calls: AbortController | undefined
  /** How often the run was moved because its process died under it. */
  moves = 0
  /** Whether it must not share a turn of its isolate with other runs. */
  isAlone = false
  startedAt = 0
  /** Told whether the run should keep the event loop alive. */
  onHold: (isHeld: boolean) => void = () => {}
  #resolve: (outcome: PoolOutcome) => void = () => {}
  #isOver = false

  constructor(request: PoolRequest, handler: PoolHandler) {
    this.request = request
    this.handler = handler
    this.outcome = new Promise((resolve) => (this.#resolve = resolve))
  }

  /** Fires when the run is over. Made when first needed: aborting costs a stack trace. */
  get callSignal(): AbortSignal {
    return (this.#calls ??= new AbortController()).signal
  }

  get isOver(): boolean {
    return this.#isOver
  }

  started(port: RunPort): void {
    this.startedAt = performance.now()
    this.handler.onStart(this.startedAt - this.queuedAt, port)
  }

  hold(isHeld: boolean): void {
    if (!this.#isOver) this.onHold(isHeld)
  }

  end(outcome: PoolOutcome): void {
    if (this.#isOver) return
    this.#isOver = true
    this.#calls?.abort()
    this.#resolve(outcome)
  }

  /** Ends without word from the host: what was used is not known, except the time. */
  endWithout(kind: "aborted" | "wall" | "memory", used = 0): void {
    const usage = { ...nothingUsed, wallMs: this.startedAt === 0 ? 0 : performance.now() - this.startedAt }
    if (kind === "aborted") this.end({ ...usage, kind })
    else this.end({ ...usage, peakMemoryBytes: kind === "memory" ? used : 0, kind: "limit", limit: kind, used })
  }

  crashed(reason: string, isSuspect: boolean): void {
    const usage = { ...nothingUsed, wallMs: this.startedAt === 0 ? 0 : performance.now() - this.startedAt }
    this.end({ ...usage, kind: "crashed", reason, isSuspect })
  }
}
