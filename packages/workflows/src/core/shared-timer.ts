import type { Clock } from "./clock.ts"

interface Alarm {
  readonly at: number
  readonly fire: () => void
}

/** One timer for many moments, most of which are taken back before they come: setting and taking back cost next to nothing. */
export class SharedTimer {
  readonly #clock: Clock
  readonly #alarms = new Set<Alarm>()
  #armedAt = Infinity
  #cancel = (): void => {}

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** As `Clock.at`. */
  at(at: number, fire: () => void): () => void {
    const alarm = { at, fire }
    this.#alarms.add(alarm)
    this.#arm(at)
    return () => void this.#alarms.delete(alarm)
  }

  /** Takes all back. */
  stop(): void {
    this.#alarms.clear()
    this.#cancel()
    this.#armedAt = Infinity
  }

  #arm(at: number): void {
    if (at >= this.#armedAt) return
    this.#cancel()
    this.#armedAt = at
    this.#cancel = this.#clock.at(at, () => this.#fire())
  }

  #fire(): void {
    this.#armedAt = Infinity
    const now = this.#clock.now()
    const due = [...this.#alarms].filter(({ at }) => at <= now)
    // One that fires may take back another.
    for (const alarm of due) if (this.#alarms.delete(alarm)) alarm.fire()
    let earliest = Infinity
    for (const { at } of this.#alarms) earliest = Math.min(earliest, at)
    this.#arm(earliest)
  }
}
