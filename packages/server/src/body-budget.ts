import { MayflyError } from "@mayfly/protocol"
import { FairShares } from "./fair-shares.ts"

/** The memory that request bodies may take together: a thousand large ones at once would end the process. */
export class BodyBudget {
  readonly #shares: FairShares

  constructor(maxBytes: number) {
    this.#shares = new FairShares(maxBytes)
  }

  /** Throws `worker.queue-full` when others, or the holder itself, hold too much. The caller gives back what it took. */
  take(bytes: number, holder: string | null): void {
    const limit = this.#shares.take(bytes, holder)
    if (limit === undefined) return
    throw new MayflyError("worker.queue-full", "the server holds too many large request bodies already", {
      details: { limit, retryAfterMs: 1_000 },
    })
  }

  giveBack(bytes: number, holder: string | null): void {
    this.#shares.giveBack(bytes, holder)
  }
}
