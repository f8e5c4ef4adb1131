/** So many at once, and so many more each second. Time is given, in milliseconds that only grow. */
export class TokenBucket {
  readonly perSecond: number
  readonly burst: number
  #tokens: number
  #at: number

  constructor(perSecond: number, burst: number, now: number) {
    this.perSecond = perSecond
    this.burst = burst
    this.#tokens = burst
    this.#at = now
  }

  /** Takes one, and gives 0; or gives how many milliseconds there are until the next one. */
  take(now: number): number {
    this.#fill(now)
    const nextInMs = this.#nextInMs
    if (nextInMs === 0) this.#tokens--
    return nextInMs
  }

  get #nextInMs(): number {
    return this.#tokens >= 1 ? 0 : Math.max(1, Math.ceil(((1 - this.#tokens) * 1_000) / this.perSecond))
  }

  /** What could be taken now, when the next one can be (0: now), and when it will be all again. */
  look(now: number): { readonly remaining: number; readonly nextInMs: number; readonly fullInMs: number } {
    this.#fill(now)
    const fullInMs = Math.ceil(((this.burst - this.#tokens) * 1_000) / this.perSecond)
    return { remaining: Math.floor(this.#tokens), nextInMs: this.#nextInMs, fullInMs }
  }

  #fill(now: number): void {
    this.#tokens = Math.min(this.burst, this.#tokens + ((now - this.#at) * this.perSecond) / 1_000)
    this.#at = now
  }
}
