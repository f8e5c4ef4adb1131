export type TakenAttempt =
  | { readonly ok: true }
  /** `isFirst`: nothing was refused for this since there last was room. */
  | { readonly ok: false; readonly retryAfterMs: number; readonly isFirst: boolean }

/** So many attempts a minute, saved up to a minute's worth. */
export class AttemptBudget {
  readonly #perMinute: number
  #left: number
  #at: number
  #hasRefused = false

  constructor(perMinute: number, now: number) {
    this.#perMinute = perMinute
    this.#left = perMinute
    this.#at = now
  }

  /** `now` in milliseconds, from a clock that never goes back. */
  take(now: number): TakenAttempt {
    const perMs = this.#perMinute / 60_000
    this.#left = Math.min(this.#perMinute, this.#left + (now - this.#at) * perMs)
    this.#at = now
    if (this.#left >= 1) {
      this.#left--
      // A trickle that is let through is no end of a flood.
      if (this.#left > this.#perMinute / 2) this.#hasRefused = false
      return { ok: true }
    }
    const isFirst = !this.#hasRefused
    this.#hasRefused = true
    return { ok: false, retryAfterMs: Math.ceil((1 - this.#left) / perMs), isFirst }
  }
}
