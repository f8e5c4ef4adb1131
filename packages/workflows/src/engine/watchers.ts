import type { InstanceNumber } from "../store/workflow-store.ts"

/** Who waits for news of an instance. */
export class Watchers {
  readonly #byNumber = new Map<InstanceNumber, Set<() => void>>()
  readonly #onCount: (count: number) => void
  #count = 0

  /** `onCount` hears how many watch. */
  constructor(onCount: (count: number) => void) {
    this.#onCount = onCount
  }

  /** Calls `onNews` after each change until the returned function is called. */
  watch(number: InstanceNumber, onNews: () => void): () => void {
    const known = this.#byNumber.get(number) ?? new Set()
    this.#byNumber.set(number, known.add(onNews))
    this.#onCount(++this.#count)
    return () => {
      if (!known.delete(onNews)) return
      if (known.size === 0) this.#byNumber.delete(number)
      this.#onCount(--this.#count)
    }
  }

  tell(number: InstanceNumber): void {
    this.#byNumber.get(number)?.forEach((onNews) => onNews())
  }

  tellAll(): void {
    for (const number of this.#byNumber.keys()) this.tell(number)
  }
}
