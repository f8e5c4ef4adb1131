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
export async function runAttempt(watch: AttemptWatch, run: () => Promise<AttemptEnd>): Promise<AttemptEnd> {
  const { timer, startedAt, timeoutMs, abort } = watch
  let cancel = (): void => {}
  const expired = new Promise<AttemptEnd>((resolve) => {
    const waitFor = (ms: number): void => {
      cancel = timer.at(watch.now() + ms, expire)
    }
    const expire = (): void => {
      if (watch.isWaiting()) return waitFor(timeoutMs)
      const end = watch.timedOut()
      resolve(end)
      abort.abort(new DOMException("the step's time is over", "TimeoutError"))
    }
    const slow = (): void => {
      watch.onSlow()
      cancel = timer.at(startedAt + timeoutMs, expire)
    }
    if (timeoutMs <= slowAttemptMs) waitFor(timeoutMs)
    else cancel = timer.at(startedAt + slowAttemptMs, slow)
  })
  try {
    return await Promise.race([run(), expired])
  } finally {
    cancel()
  }
}
