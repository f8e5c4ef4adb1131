import type { ServerResponse } from "node:http"

/** Counts answers that are not sent to their end. */
export class UnderWay {
  #count = 0
  readonly #waiting = new Set<() => void>()

  add(response: ServerResponse): void {
    this.#count += 1
    response.once("close", () => {
      this.#count -= 1
      if (this.#count > 0) return
      for (const resolve of this.#waiting) resolve()
      this.#waiting.clear()
    })
  }

  /** Resolves when there are none. */
  async idle(): Promise<void> {
    if (this.#count > 0) await new Promise<void>((resolve) => this.#waiting.add(resolve))
  }
}
