import { MayflyError } from "@mayfly/protocol"
import { FairShares } from "./fair-shares.ts"

/** At most `max` requests at once; the next one is told to come back. Waiting here would hold a socket and a body for each. */
export class RequestSlots {
  readonly #max: number
  readonly #shares: FairShares

  constructor(max: number) {
    this.#max = max
    this.#shares = new FairShares(max)
  }

  /** Throws `worker.queue-full` when none is free. The caller disposes the slot, once, when the answer has been sent. */
  take(holder: string | null = null): Disposable {
    const limit = this.#shares.take(1, holder)
    if (limit !== undefined)
      throw full(limit, limit === this.#max ? "the server is" : `for tenant "${holder}" the server is`)
    return { [Symbol.dispose]: () => this.#shares.giveBack(1, holder) }
  }
}

function full(limit: number, who: string): MayflyError {
  return new MayflyError("worker.queue-full", `${who} handling ${limit} requests already`, {
    details: { limit, retryAfterMs: 1_000 },
  })
}
