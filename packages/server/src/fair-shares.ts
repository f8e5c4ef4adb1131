/** At most `max` of something at once, and half of it for one holder: one tenant's flood leaves room for the others. */
export class FairShares {
  readonly #max: number
  #taken = 0
  readonly #byHolder = new Map<string, number>()

  constructor(max: number) {
    this.#max = max
  }

  /** Takes nothing, and gives the bound, where there is not so much left. `null`: nobody in particular. */
  take(amount: number, holder: string | null): number | undefined {
    const most = Math.ceil(this.#max / 2)
    const held = holder === null ? 0 : (this.#byHolder.get(holder) ?? 0)
    if (this.#taken + amount > this.#max) return this.#max
    // The first one always fits, so that no bound makes a single large one impossible.
    if (held > 0 && held + amount > most) return most
    this.#taken += amount
    if (holder !== null) this.#byHolder.set(holder, held + amount)
    return undefined
  }

  giveBack(amount: number, holder: string | null): void {
    this.#taken -= amount
    if (holder === null) return
    const left = (this.#byHolder.get(holder) ?? 0) - amount
    if (left <= 0) this.#byHolder.delete(holder)
    else this.#byHolder.set(holder, left)
  }
}
