export interface TransactionEntry {
  readonly payload: string
  readonly reply: string
}

/** A transaction that is longer is not done again: it would hold up others for too long. */
const maxEntries = 1_000
const maxLength = 1 << 20

/** The operations of a transaction that is not committed, and what they gave. */
export class TransactionLog {
  #entries: TransactionEntry[] = []
  #length = 0

  add(payload: string, reply: string): void {
    this.#length += payload.length + reply.length
    if (this.#isTooLong) this.#entries = []
    else this.#entries.push({ payload, reply })
    if (this.#entries.length > maxEntries) this.#length = Infinity
  }

  get #isTooLong(): boolean {
    return this.#length > maxLength
  }

  /** Undefined when there were too many. */
  get entries(): readonly TransactionEntry[] | undefined {
    return this.#isTooLong ? undefined : this.#entries
  }

  clear(): void {
    if (this.#length === 0) return
    this.#entries = []
    this.#length = 0
  }
}
