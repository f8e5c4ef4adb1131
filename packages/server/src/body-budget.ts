import { MayflyError } from "@mayfly/protocol"

/** The memory that request bodies may take together: a thousand large ones at once would end the process. */
export class BodyBudget {
  readonly #maxBytes: number
  #usedBytes = 0

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes
  }

  /** Throws `worker.queue-full` when others hold too much. The caller gives back what it took. */
  take(bytes: number): void {
    if (this.#usedBytes + bytes > this.#maxBytes) {
      throw new MayflyError("worker.queue-full", "the server holds too many large request bodies already", {
        details: { limit: this.#maxBytes, retryAfterMs: 1_000 },
      })
    }
    this.#usedBytes += bytes
  }

  giveBack(bytes: number): void {
    this.#usedBytes -= bytes
  }

  get usedBytes(): number {
    return this.#usedBytes
  }
}
