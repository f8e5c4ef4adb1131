import { MayflyError } from "@mayfly/protocol"
import { BodyBudget } from "../body-budget.ts"

/** Of all sessions. */
const shared = new BodyBudget(1 << 30)

/** What is held for one session: programs, inputs, results and what was not read yet. All is given back when it is disposed; what comes later counts for nothing. */
export class HeldBytes implements Disposable {
  readonly #max: number
  readonly #holder: string | null
  #bytes = 0
  #isDisposed = false

  /** `holder` is the tenant, where the key is one's: it leaves half of what all sessions may hold to others. */
  constructor(max = 256 << 20, holder: string | null = null) {
    this.#max = max
    this.#holder = holder
  }

  /** Throws `worker.queue-full`. The caller disposes it; disposing twice is safe. */
  take(bytes: number): Disposable {
    if (this.#isDisposed) return { [Symbol.dispose]: () => {} }
    if (this.#bytes + bytes > this.#max)
      throw new MayflyError(
        "worker.queue-full",
        `a session may hold ${this.#max} bytes of programs, inputs and results`,
        {
          details: { limit: this.#max, retryAfterMs: 1_000 },
        },
      )
    shared.take(bytes, this.#holder)
    this.#bytes += bytes
    let isTaken = true
    return {
      [Symbol.dispose]: () => {
        if (!isTaken || this.#isDisposed) return
        isTaken = false
        this.#bytes -= bytes
        shared.giveBack(bytes, this.#holder)
      },
    }
  }

  get bytes(): number {
    return this.#bytes
  }

  [Symbol.dispose](): void {
    if (this.#isDisposed) return
    this.#isDisposed = true
    shared.giveBack(this.#bytes, this.#holder)
    this.#bytes = 0
  }
}
