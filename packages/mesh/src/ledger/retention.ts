import type { OpenedLedger } from "./open-ledger.ts"

const lookEveryMs = 3_600_000
/** Entries that go in one transaction: others wait for it. */
const most = 10_000

export interface RetentionRules {
  readonly readOnly?: boolean
  readonly retainForMs?: number
  readonly retainEntries?: number
}

export interface RetentionAccess {
  open(): Promise<OpenedLedger>
  onError(error: unknown): void
}

/** Forgets what is older than it should be, or more. */
export class Retention {
  readonly #rules: RetentionRules
  readonly #access: RetentionAccess
  #timer: NodeJS.Timeout | undefined
  #appended = 0

  constructor(rules: RetentionRules, access: RetentionAccess) {
    this.#rules = rules
    this.#access = access
  }

  /** The ledger is open. Calling twice is safe. */
  start(): void {
    const { retainForMs, readOnly } = this.#rules
    if (retainForMs === undefined || readOnly === true || this.#timer !== undefined) return
    const look = (): void => this.#inBackground(this.prune(Date.now() - retainForMs))
    this.#timer = setInterval(look, lookEveryMs).unref()
    look()
  }

  stop(): void {
    clearInterval(this.#timer)
  }

  /** One more entry. A bound on their number is looked after as they come, with some slack, so that it costs little. */
  appended(): void {
    const { retainEntries } = this.#rules
    this.#appended += 1
    if (retainEntries === undefined || this.#appended < Math.max(100, retainEntries / 4)) return
    this.#appended = 0
    this.#inBackground(this.#keepLast(retainEntries))
  }

  async prune(before: number): Promise<number> {
    const { tables, heads } = await this.#access.open()
    for (let pruned = 0; ;) {
      const { entries, head } = await tables.call("prune", { before, at: Date.now(), most })
      heads.advance(head)
      pruned += entries
      if (entries < most) return pruned
    }
  }

  async #keepLast(count: number): Promise<void> {
    const { tables, heads } = await this.#access.open()
    const { head } = await tables.call("keepLast", { count, at: Date.now() })
    heads.advance(head)
  }

  #inBackground(work: Promise<unknown>): void {
    work.catch((error: unknown) => this.#access.onError(error))
  }
}
