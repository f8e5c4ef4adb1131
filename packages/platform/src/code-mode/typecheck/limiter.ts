import { MayflyError } from "@mayfly/protocol"

/** Lets `atOnce` tasks run and `waiting` more wait; beyond that it refuses with `worker.queue-full`. */
export class Limiter {
  readonly #atOnce: number
  readonly #waiting: number
  readonly #queue: (() => void)[] = []
  #running = 0

  constructor(atOnce: number, waiting: number) {
    this.#atOnce = atOnce
    this.#waiting = waiting
  }

  async use<T>(task: () => Promise<T>): Promise<T> {
    await this.#enter()
    try {
      return await task()
    } finally {
      this.#leave()
    }
  }

  async #enter(): Promise<void> {
    if (this.#running < this.#atOnce) {
      this.#running++
      return
    }
    if (this.#queue.length >= this.#waiting) {
      const message = `${this.#queue.length} type checks wait already`
      throw new MayflyError("worker.queue-full", message, { details: { retryAfterMs: 1_000 } })
    }
    await new Promise<void>((resolve) => this.#queue.push(resolve))
  }

  /** The place is handed on, so that nobody slips in between. */
  #leave(): void {
    const next = this.#queue.shift()
    if (next === undefined) this.#running--
    else next()
  }
}
