import type { JournalRow } from "./journal.ts"
import type { StepKey } from "./step-key.ts"

/**
 * Hands completions to user code in the order of the journal. Name and number of a call alone are not enough: two branches that run a step of the same
 * name ask in the order in which the steps before it completed, and get each other's results after a replay that completes them in another order.
 */
export class Delivery {
  readonly #isStrict: boolean
  readonly #queue: JournalRow[]
  readonly #asked = new Map<StepKey, (row: JournalRow) => void>()
  #next = 0

  /**
   * `rows` are completions in order. Inside a step the order is not strict: its body may run again with another number of attempts, and whatever it does not
   * ask for any more must not hold up the rest.
   */
  constructor(rows: readonly JournalRow[], isStrict: boolean) {
    this.#queue = [...rows]
    this.#isStrict = isStrict
  }

  /** Resolves with the step's completion when its turn has come. */
  ask(key: StepKey): Promise<JournalRow> {
    return new Promise((resolve) => this.#asked.set(key, resolve))
  }

  /** A completion that has just become durable. */
  push(row: JournalRow): void {
    this.#queue.push(row)
  }

  /** Hands over one completion; false when the next one was not asked for, or there is none. */
  deliver(): boolean {
    const at = this.#isStrict ? this.#next : this.#queue.findIndex(({ key }) => this.#asked.has(key))
    const row = this.#queue[at]
    const resolve = row === undefined ? undefined : this.#asked.get(row.key)
    if (row === undefined || resolve === undefined) return false
    if (this.#isStrict) this.#next++
    else this.#queue.splice(at, 1)
    this.#asked.delete(row.key)
    resolve(row)
    this.#compact()
    return true
  }

  /** Whether `deliver` has something to hand over. */
  get isReady(): boolean {
    if (!this.#isStrict) return this.#queue.some(({ key }) => this.#asked.has(key))
    const head = this.head
    return head !== undefined && this.#asked.has(head.key)
  }

  /** Drops the head: nobody will ask for it. */
  skip(): void {
    this.#next++
  }

  /** The completion that user code should ask for next. */
  get head(): JournalRow | undefined {
    return this.#queue[this.#next]
  }

  /** Completions that are left and that nobody has asked for. */
  get unasked(): JournalRow[] {
    return this.#queue.slice(this.#next).filter(({ key }) => !this.#asked.has(key))
  }

  #compact(): void {
    if (this.#next < 1_024) return
    this.#queue.splice(0, this.#next)
    this.#next = 0
  }
}
