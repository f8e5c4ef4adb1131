type Release = () => void

/** Holds back calls to an object while it may not be disturbed: while it starts, and during transactions. */
export class InputGate {
  #locks = 0
  #waiting: Release[] = []
  #last: Promise<unknown> = Promise.resolve()

  /** Resolves when calls may be delivered. In order of asking. */
  async pass(): Promise<void> {
    while (this.#locks > 0) await new Promise<void>((resolve) => this.#waiting.push(resolve))
  }

  /** Runs `act` with the gate closed. */
  async whileClosed<T>(act: () => Promise<T>): Promise<T> {
    this.#locks++
    try {
      return await act()
    } finally {
      this.#locks--
      if (this.#locks === 0) for (const release of this.#waiting.splice(0)) release()
    }
  }

  /** The same, one behind the other. */
  exclusively<T>(act: () => Promise<T>): Promise<T> {
    const turn = this.whileClosed(async () => {
      await this.#last
      return act()
    })
    const previous = this.#last
    const own = turn.then(
      () => undefined,
      () => undefined,
    )
    // The next one waits for all before it.
    this.#last = previous.then(() => own)
    return turn
  }
}
