/** Events from a producer that doesn't wait to a consumer that may be slower. Closing it lets the consumer finish what is there. */
export class EventQueue<Event> implements AsyncIterable<Event> {
  readonly #events: Event[] = []
  /** Called whenever the consumer finds nothing and begins to wait. */
  onEmpty: () => void = () => {}
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

  /** Whether the consumer waits for an event. */
  get isAwaited(): boolean {
    return this.#wake !== undefined
  }

  async #change(): Promise<void> {
    const changed = new Promise<void>((resolve) => (this.#wake = resolve))
    this.onEmpty()
    await changed
    this.#wake = undefined
  }

  async *[Symbol.asyncIterator](): AsyncIterator<Event> {
    for (;;) {
      const event = this.#events.shift()
      if (event !== undefined) yield event
      else if (this.#isClosed) return
      else await this.#change()
    }
  }
}
