import type { LazySignal } from "./lazy-signal.ts"
import type { SharedTimer } from "./shared-timer.ts"
import type { AttemptEnd } from "./step-host.ts"

/** Attempts that take longer than this leave a row that says when they began, so that the history shows them while they run and after a crash. */
export const slowAttemptMs = 50

export interface AttemptWatch {
  readonly timer: SharedTimer
  /** When the attempt began. */
  readonly startedAt: number
  now(): number
  readonly timeoutMs: number
  readonly abort: LazySignal
  onSlow(): void
  /** Whether the attempt only waits for a step inside it: that time does not count. */
  isWaiting(): boolean
  timedOut(): AttemptEnd
}

/** Runs one attempt against its timeout. What it says after the timeout is ignored; its signal tells it to stop. */
export function runAttempt(watch: AttemptWatch, run: () => Promise<AttemptEnd>): Promise<AttemptEnd> {
  return new Promise((resolve, reject) => {
    const deadline = new Deadline(watch, resolve)
    run().then(
      (end) => {
        deadline.cancel()
        resolve(end)
      },
      (error: unknown) => {
        deadline.cancel()
        reject(error as Error)
      },
    )
  })
}

class Deadline {
  readonly #watch: AttemptWatch
  readonly #resolve: (end: AttemptEnd) => void
  #cancel: () => void

  constructor(watch: AttemptWatch, resolve: (end: AttemptEnd) => void) {
    this.#watch = watch
    this.#resolve = resolve
    const { timer, startedAt, timeoutMs } = watch
    this.#cancel =
      timeoutMs <= slowAttemptMs
        ? timer.at(watch.now() + timeoutMs, () => this.#expire())
        : timer.at(startedAt + slowAttemptMs, () => this.#slow())
  }

  cancel(): void {
    this.#cancel()
  }

  #slow(): void {
    const { timer, startedAt, timeoutMs } = this.#watch
    this.#watch.onSlow()
    this.#cancel = timer.at(startedAt + timeoutMs, () => this.#expire())
  }

  #expire(): void {
    const { timer, timeoutMs, abort } = this.#watch
    if (this.#watch.isWaiting()) {
      this.#cancel = timer.at(this.#watch.now() + timeoutMs, () => this.#expire())
      return
    }
    this.#resolve(this.#watch.timedOut())
    abort.abort("TimeoutError", "the step's time is over")
  }
}
