import { MayflyError } from "@mayfly/protocol"

/** At most `max` requests at once; the next one is told to come back. Waiting here would hold a socket and a body for each. */
export class RequestSlots {
  readonly #max: number
  #taken = 0

  constructor(max: number) {
    this.#max = max
  }

  /** Throws `worker.queue-full` when none is free. The caller disposes the slot, once, when the answer has been sent. */
  take(): Disposable {
    if (this.#taken >= this.#max) {
      const details = { limit: this.#max, retryAfterMs: 1_000 }
      throw new MayflyError("worker.queue-full", `the server is handling ${this.#max} requests already`, { details })
    }
    this.#taken++
    return { [Symbol.dispose]: () => void this.#taken-- }
  }
}
