import { MayflyError } from "@mayfly/protocol"
import { FairShare } from "./fair-share.ts"

/** At most `max` requests at once; the next one is told to come back. Waiting here would hold a socket and a body for each. */
export class RequestSlots {
  readonly #share: FairShare

  constructor(max: number) {
    this.#share = new FairShare(max)
  }

  /**
   * `holder` is the tenant, where a key is one's: its flood leaves places for the others. Throws `worker.queue-full` when none is free. The caller disposes
   * the slot, once, when the answer has been sent.
   */
  take(holder: string | null = null): Disposable {
    const full = this.#share.take(1, holder)
    if (full === undefined) return { [Symbol.dispose]: () => this.#share.giveBack(1, holder) }
    const { limit, ofHolder } = full
    const who = ofHolder ? `for tenant "${holder}" the server is` : "the server is"
    throw new MayflyError("worker.queue-full", `${who} handling ${limit} requests already`, {
      details: { limit, retryAfterMs: 1_000 },
    })
  }
}
