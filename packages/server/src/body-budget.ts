import { MayflyError } from "@mayfly/protocol"
import { FairShare } from "./fair-share.ts"

/** The memory that what clients send may take together: a thousand large bodies at once would end the process. */
export class BodyBudget {
  readonly #share: FairShare

  constructor(maxBytes: number) {
    this.#share = new FairShare(maxBytes)
  }

  /** `holder` is the tenant, where a key is one's. Throws `worker.queue-full` when it or all hold too much. The caller gives back what it took. */
  take(bytes: number, holder: string | null = null): void {
    const full = this.#share.take(bytes, holder)
    if (full === undefined) return
    const { limit, ofHolder } = full
    const who = ofHolder ? `for tenant "${holder}" the server holds` : "the server holds"
    throw new MayflyError("worker.queue-full", `${who} too many large bodies already`, {
      details: { limit, retryAfterMs: 1_000 },
    })
  }

  giveBack(bytes: number, holder: string | null = null): void {
    this.#share.giveBack(bytes, holder)
  }
}
