import type { Clock } from "./clock.ts"
import type { StepKey } from "./step-key.ts"

interface Wait {
  readonly at: number
  readonly fire: () => void
}

/** Steps that wait for a moment: sleeps, delays between attempts, timeouts of events. One timer for all of them, and only while somebody wants it. */
export class Waits {
  readonly #waits = new Map<StepKey, Wait>()
  readonly #clock: Clock
  #cancel: (() => void) | undefined
  #armedAt = Infinity

  constructor(clock: Clock) {
    this.#clock = clock
  }

  set(key: StepKey, at: number, fire: () => void): void {
    this.#waits.set(key, { at, fire })
  }

  delete(key: StepKey): boolean {
    return this.#waits.delete(key)
  }

  clear(): void {
    this.#waits.clear()
    this.disarm()
  }

  get size(): number {
    return this.#waits.size
  }

  get keys(): Iterable<StepKey> {
    return this.#waits.keys()
  }

  /** When the first one is due; null when none ever is. Children are waited for until Infinity. */
  get earliest(): number | null {
    let earliest = Infinity
    for (const { at } of this.#waits.values()) earliest = Math.min(earliest, at)
    return earliest === Infinity ? null : earliest
  }

  /** Fires what is due, in the order of the moments, and sets the timer for the rest. */
  arm(): void {
    if (this.#waits.size === 0) return this.disarm()
    const now = this.#clock.now()
    const due = [...this.#waits].filter(([, { at }]) => at <= now).sort(([, a], [, b]) => a.at - b.at)
    for (const [key, { fire }] of due) if (this.#waits.delete(key)) fire()
    const earliest = this.earliest
    if (earliest === null) return this.disarm()
    if (this.#cancel !== undefined && this.#armedAt === earliest) return
    this.disarm()
    this.#armedAt = earliest
    this.#cancel = this.#clock.at(earliest, () => {
      this.#cancel = undefined
      this.arm()
    })
  }

  /** Takes the timer back; the waits stay. */
  disarm(): void {
    this.#cancel?.()
    this.#cancel = undefined
    this.#armedAt = Infinity
  }
}
