interface Entry {
  readonly id: number
  readonly due: number
}

/** A run's timers in the order in which they fall due, equal ones in the order of creation. One real timer serves all. */
export class TimerQueue {
  readonly #entries: Entry[] = []
  readonly #onDue: () => void
  #timer: NodeJS.Timeout | undefined
  #armedFor = Infinity

  /** `onDue` is called when `take` has something to give. */
  constructor(onDue: () => void) {
    this.#onDue = onDue
  }

  get size(): number {
    return this.#entries.length
  }

  /** Timers of one turn are given the same `now`, as in Node, so that only their delays and their order count. */
  add(id: number, ms: number, now = performance.now()): void {
    const due = now + ms
    let at = this.#entries.length
    while (at > 0 && (this.#entries[at - 1] as Entry).due > due) at--
    this.#entries.splice(at, 0, { id, due })
  }

  remove(id: number): void {
    const at = this.#entries.findIndex((entry) => entry.id === id)
    if (at !== -1) this.#entries.splice(at, 1)
  }

  /** The next due timer, taken out. */
  take(): number | undefined {
    const next = this.#entries[0]
    if (next === undefined || next.due > performance.now()) return undefined
    this.#entries.shift()
    return next.id
  }

  /** Sets the real timer for the first entry. Call it when the run's turn is over. */
  arm(): void {
    const due = this.#entries[0]?.due ?? Infinity
    if (due === this.#armedFor) return
    clearTimeout(this.#timer)
    this.#armedFor = due
    if (due === Infinity) return
    // Node rounds down and may fire early by a fraction: one more millisecond is closer to what timers promise ("not before").
    this.#timer = setTimeout(() => this.#fire(), Math.max(0, Math.ceil(due - performance.now())))
  }

  #fire(): void {
    this.#armedFor = Infinity
    if ((this.#entries[0]?.due ?? Infinity) > performance.now()) this.arm()
    else this.#onDue()
  }

  clear(): void {
    clearTimeout(this.#timer)
    this.#entries.length = 0
  }
}
