/** Where committed rows stand: `firstSeq` of the rows, and the last row that this instance's activations had committed before them. */
export interface Place {
  readonly firstSeq: number
  readonly previousSeq: number
}

/**
 * Releases commits in the order of the journal, whatever the order of their acknowledgements. A commit whose outcome is not known holds back all that stand
 * behind it: user code must not see what a replay might show it later, or not at all.
 */
export class Sequencer<Item> {
  readonly #held = new Map<number, { readonly lastSeq: number; readonly items: readonly Item[] }>()
  #lastSeq: number

  constructor(lastSeq: number) {
    this.#lastSeq = lastSeq
  }

  /** Items whose turn has come, in order. */
  acknowledge({ firstSeq, previousSeq }: Place, items: readonly Item[]): Item[] {
    if (items.length === 0) return []
    this.#held.set(previousSeq, { lastSeq: firstSeq + items.length - 1, items })
    const released: Item[] = []
    for (let next = this.#held.get(this.#lastSeq); next !== undefined; next = this.#held.get(this.#lastSeq)) {
      this.#held.delete(this.#lastSeq)
      this.#lastSeq = next.lastSeq
      released.push(...next.items)
    }
    return released
  }
}
