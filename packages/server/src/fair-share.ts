/** What was in the way of taking more: all is taken, or one holder's half is. */
export interface Exhausted {
  readonly limit: number
  readonly ofHolder: boolean
}

/** An amount that many share. One holder, a tenant, leaves half of it to the others; null is nobody's in particular. */
export class FairShare {
  readonly #max: number
  #taken = 0
  readonly #byHolder = new Map<string, number>()

  constructor(max: number) {
    this.#max = max
  }

  /** Undefined when it was taken. The caller gives it back, to the same holder. */
  take(amount: number, holder: string | null): Exhausted | undefined {
    if (this.#taken + amount > this.#max) return { limit: this.#max, ofHolder: false }
    const most = Math.ceil(this.#max / 2)
    const held = holder === null ? 0 : (this.#byHolder.get(holder) ?? 0)
    // One's first always fits, so that no bound makes a single large one impossible.
    if (held > 0 && held + amount > most) return { limit: most, ofHolder: true }
    this.#taken += amount
    if (holder !== null) this.#byHolder.set(holder, held + amount)
    return undefined
  }

  giveBack(amount: number, holder: string | null): void {
    this.#taken -= amount
    if (holder === null) return
    const left = (this.#byHolder.get(holder) ?? amount) - amount
    if (left === 0) this.#byHolder.delete(holder)
    else this.#byHolder.set(holder, left)
  }
}
