import { MayflyError } from "@mayfly/protocol"

/** At most `max` requests at once; the next one is told to come back. Waiting here would hold a socket and a body for each. */
export class RequestSlots {
  readonly #max: number
  #taken = 0
  /** By tenants, where a key is one's. */
  readonly #byHolder = new Map<string, number>()

  constructor(max: number) {
    this.#max = max
  }

  /** Throws `worker.queue-full` when none is free. The caller disposes the slot, once, when the answer has been sent. */
  take(holder: string | null = null): Disposable {
    if (this.#taken >= this.#max) throw full(this.#max, "the server is")
    if (holder === null) {
      this.#taken++
      return { [Symbol.dispose]: () => void this.#taken-- }
    }
    const held = this.#byHolder.get(holder) ?? 0
    // One tenant's flood leaves places for the others.
    const most = Math.ceil(this.#max / 2)
    if (held >= most) throw full(most, `for tenant "${holder}" the server is`)
    this.#taken++
    this.#byHolder.set(holder, held + 1)
    return { [Symbol.dispose]: () => this.#giveBack(holder) }
  }

  #giveBack(holder: string): void {
    this.#taken--
    const left = (this.#byHolder.get(holder) ?? 1) - 1
    if (left === 0) this.#byHolder.delete(holder)
    else this.#byHolder.set(holder, left)
  }
}

function full(limit: number, who: string): MayflyError {
  return new MayflyError("worker.queue-full", `${who} handling ${limit} requests already`, {
    details: { limit, retryAfterMs: 1_000 },
  })
}
