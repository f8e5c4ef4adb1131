import { MayflyError } from "@mayfly/protocol"

/** More than a server ever sends ahead. */
const maxWaiting = 1_000

/** Passes events one by one: `put` resolves when the consumer has dealt with the event and asks for the next, so the producer is never ahead of it. */
export class Handoff<Event> implements AsyncIterable<Event> {
  readonly #events: { readonly event: Event; readonly done: () => void }[] = []
  #wake: (() => void) | undefined
  #isClosed = false

  async put(event: Event): Promise<void> {
    if (this.#isClosed) return
    if (this.#events.length >= maxWaiting)
      throw new MayflyError("client.not-mayfly", "the server sent events that were not asked for")
    const { promise, resolve } = Promise.withResolvers<void>()
    this.#events.push({ event, done: resolve })
    this.#wake?.()
    await promise
  }

  /** The consumer still gets what is there. */
  close(): void {
    this.#isClosed = true
    this.#wake?.()
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Event, void, void> {
    try {
      for (;;) {
        const next = this.#events.shift()
        if (next !== undefined) {
          yield next.event
          next.done()
        } else if (this.#isClosed) return
        else await this.#change()
      }
    } finally {
      this.#isClosed = true
      for (const { done } of this.#events.splice(0)) done()
    }
  }

  async #change(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>()
    this.#wake = resolve
    await promise
    this.#wake = undefined
  }
}
