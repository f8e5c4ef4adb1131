import type { Finish } from "../core/ports.ts"
import type { InstanceNumber } from "../store/workflow-store.ts"

/** What somebody waits for: each change, or only those after which the instance may have ended. */
export type News = "change" | "rest"

/** `finish` is how it ended, when that is what happened here. */
type OnNews = (finish?: Finish) => void

/** Who waits for news of an instance. */
export class Watchers {
  readonly #byNumber = new Map<InstanceNumber, Map<OnNews, News>>()
  readonly #onCount: (count: number) => void
  #count = 0

  /** `onCount` hears how many watch. */
  constructor(onCount: (count: number) => void) {
    this.#onCount = onCount
  }

  /** Calls `onNews` after each of them until the returned function is called. */
  watch(number: InstanceNumber, news: News, onNews: OnNews): () => void {
    const known = this.#byNumber.get(number) ?? new Map<OnNews, News>()
    this.#byNumber.set(number, known.set(onNews, news))
    this.#onCount(++this.#count)
    return () => {
      if (!known.delete(onNews)) return
      if (known.size === 0) this.#byNumber.delete(number)
      this.#onCount(--this.#count)
    }
  }

  /** `rest`: it has left memory, or somebody has changed it from outside. */
  tell(number: InstanceNumber, happened: News, finish?: Finish): void {
    this.#byNumber.get(number)?.forEach((news, onNews) => {
      if (happened === "rest" || news === "change") onNews(finish)
    })
  }

  tellAll(): void {
    for (const number of this.#byNumber.keys()) this.tell(number, "rest")
  }
}
