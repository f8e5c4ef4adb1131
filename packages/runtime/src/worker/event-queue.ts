/** Events from a producer that doesn't wait to a consumer that may be slower. Closing it lets the consumer finish what is there. */
export class EventQueue<Event> implements AsyncIterable<Event> {
  readonly #events: Event[] = []
  #wake: (() => void) | undefined
  #isClosed = false

  push(event: Event): void {
    this.#events.push(event)
    this.#wake?.()
  }

  close(): void {
    this.#isClosed = true
    this.#wake?.()
  }

  async *[Symbol.asyncIterator](): AsyncIterator<Event> {
    for (;;) {
      const event = this.#events.shift()
      if (event !== undefined) yield event
      else if (this.#isClosed) return
      else await new Promise<void>((resolve) => (this.#wake = resolve))
    }
  }
}
