/** A list that does not keep its members alive. Entries of collected members go when the list has doubled. */
export class WeakList<Member extends object> {
  #entries: WeakRef<Member>[] = []
  #sweepAt = 32

  add(member: Member): void {
    if (this.#entries.length >= this.#sweepAt) this.#sweep()
    this.#entries.push(new WeakRef(member))
  }

  live(): Member[] {
    const members: Member[] = []
    for (const entry of this.#entries) {
      const member = entry.deref()
      if (member !== undefined) members.push(member)
    }
    return members
  }

  /** Doubling makes the sweeps cost a constant time for each entry. FinalizationRegistry is disarmed in guests. */
  #sweep(): void {
    this.#entries = this.#entries.filter((entry) => entry.deref() !== undefined)
    this.#sweepAt = Math.max(32, this.#entries.length * 2)
  }
}
