/** Time as an input: tests turn it by hand. */
export interface Clock {
  /** Epoch milliseconds; never goes back within a process. */
  now(): number
  /** Calls `fire` when `now()` has reached `at`, not before and not in this turn. The returned function takes it back; calling that twice is safe. */
  at(at: number, fire: () => void): () => void
}

const longestTimer = 1_000

/**
 * The system's clock. When somebody sets the wall clock back, time goes on by the monotonic one, so that nothing that is due in a minute waits an hour;
 * when it is set forward, timers notice within a second, because none sleeps longer.
 */
export class SystemClock implements Clock {
  #last = Date.now()
  #lastMono = performance.now()

  now(): number {
    const mono = performance.now()
    const elapsed = this.#last + (mono - this.#lastMono)
    this.#last = Math.max(Date.now(), elapsed)
    this.#lastMono = mono
    return Math.floor(this.#last)
  }

  at(at: number, fire: () => void): () => void {
    let timer: NodeJS.Timeout | undefined
    const wait = (): void => {
      const left = at - this.now()
      timer = setTimeout(() => (at <= this.now() ? fire() : wait()), Math.min(Math.max(left, 0), longestTimer))
      // Whoever has something to finish keeps the process alive; what only waits does not.
      timer.unref()
    }
    wait()
    return () => clearTimeout(timer)
  }
}
