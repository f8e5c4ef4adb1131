import type { Resumed } from "./contender.ts"

/** Counts who came into the step that never ends. */
export class Entrances {
  readonly #seen = new Set<string>()
  #first = 0
  #waiting: { readonly count: number; readonly resolve: (resumed: Resumed) => void } | undefined

  enter(id: string): void {
    this.#first ||= Date.now()
    this.#seen.add(id)
    this.#look()
  }

  /** Resolves when so many different ones are in. */
  all(count: number): Promise<Resumed> {
    return new Promise((resolve) => {
      this.#waiting = { count, resolve }
      this.#look()
    })
  }

  #look(): void {
    if (this.#waiting === undefined || this.#seen.size < this.#waiting.count) return
    this.#waiting.resolve({ first: this.#first, last: Date.now() })
    this.#waiting = undefined
  }
}
