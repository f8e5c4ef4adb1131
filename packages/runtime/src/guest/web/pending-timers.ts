import type { Kernel } from "../kernel.ts"

/** Each pending timer costs memory in the host, so `for (;;) setTimeout(f)` must end somewhere. */
const maxPending = 10_000

/** Node and browsers keep delays in 32 bits. */
export const maxDelayMs = 2 ** 31 - 1

/** The kernel's timers with a bound. Everything in the guest runtime that waits goes through one of these. */
export interface PendingTimers {
  /** Throws RangeError when too many are pending. */
  start(callback: () => void, ms: number): number
  /** Only for a handle that has not fired and was not stopped. */
  stop(handle: number): void
}

export function boundTimers(kernel: Kernel): PendingTimers {
  let pending = 0
  return {
    start(callback, ms) {
      if (pending >= maxPending) throw new RangeError(`At most ${maxPending} timers may be pending`)
      const handle = kernel.setTimer(() => {
        pending--
        callback()
      }, ms)
      pending++
      return handle
    },
    stop(handle) {
      pending--
      kernel.clearTimer(handle)
    },
  }
}
