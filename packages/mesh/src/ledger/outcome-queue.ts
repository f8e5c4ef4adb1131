import { setTimeout as delay } from "node:timers/promises"
import { MayflyError } from "@mayfly/protocol"
import type { NewEntry } from "./ledger-procedures.ts"

/** Attempts under way. The oldest is given up for one more; its outcome then comes as a row of its own. */
const maxUnderWay = 100_000
/** Some trouble goes away: a full queue, a disk that somebody frees. */
const maxTries = 6
const firstDelayMs = 50

export interface Alternatives {
  /** What to record when the attempt never began. */
  readonly wholeRow: NewEntry
  /** A refusal that is not under way was complete when it began. */
  readonly isRefused: boolean
}

/** Outcomes are told, not awaited: this sees them into the chain, behind their attempts. */
export class OutcomeQueue {
  readonly #append: (entry: NewEntry) => Promise<unknown>
  readonly #onError: (error: unknown) => void
  readonly #underWay = new Map<string, number>()
  readonly #writing = new Set<Promise<void>>()

  constructor(append: (entry: NewEntry) => Promise<unknown>, onError: (error: unknown) => void) {
    this.#append = append
    this.#onError = onError
  }

  /** An attempt has begun and stands at `seq`. */
  expect(id: string, seq: number): void {
    this.#underWay.set(id, seq)
    if (this.#underWay.size <= maxUnderWay) return
    for (const oldest of this.#underWay.keys()) {
      this.#underWay.delete(oldest)
      return
    }
  }

  record(id: string, outcome: NewEntry, { wholeRow, isRefused }: Alternatives): void {
    const attempt = this.#underWay.get(id)
    this.#underWay.delete(id)
    if (attempt === undefined && isRefused) return
    const written = this.#write(attempt === undefined ? wholeRow : { ...outcome, attempt })
    this.#writing.add(written)
    void written.finally(() => this.#writing.delete(written))
  }

  /** Resolves when all that was recorded is in the chain, or given up. */
  async idle(): Promise<void> {
    while (this.#writing.size > 0) await Promise.all(this.#writing)
  }

  async #write(entry: NewEntry): Promise<void> {
    for (let tries = 1; ; tries++) {
      try {
        await this.#append(entry)
        return
      } catch (error) {
        // Without it the attempt stays "pending", later "unknown": true, and less than could be said.
        if (!mayPass(error) || tries === maxTries) return this.#onError(error)
        await delay(firstDelayMs * 2 ** tries)
      }
    }
  }
}

function mayPass(error: unknown): boolean {
  return error instanceof MayflyError && ["store.queue-full", "store.busy", "store.full"].includes(error.code)
}
