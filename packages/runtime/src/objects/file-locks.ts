/** Keeps an object's files still for whoever copies them: its requests share them, a holder has them alone. */
export class FileLocks {
  readonly #users = new Map<string, number>()
  readonly #held = new Map<string, Promise<void>>()
  /** What a holder waits for: the last request that was under way. */
  readonly #free = new Map<string, () => void>()

  /** Waits as long as somebody holds the file. Must not be called within `work`. */
  async share<T>(path: string, work: () => Promise<T>): Promise<T> {
    await this.#unheld(path)
    this.#users.set(path, (this.#users.get(path) ?? 0) + 1)
    try {
      return await work()
    } finally {
      const users = (this.#users.get(path) ?? 1) - 1
      if (users > 0) this.#users.set(path, users)
      else {
        this.#users.delete(path)
        this.#free.get(path)?.()
      }
    }
  }

  /** Resolves when no request for these files is under way; new ones wait until what it gives is disposed. Disposing twice is safe. */
  async hold(paths: readonly string[]): Promise<Disposable> {
    using held = new DisposableStack()
    // In one order, so that two holders never wait for each other.
    for (const path of [...new Set(paths)].sort()) held.use(await this.#hold(path))
    return held.move()
  }

  async #hold(path: string): Promise<Disposable> {
    await this.#unheld(path)
    const { promise, resolve } = Promise.withResolvers<void>()
    this.#held.set(path, promise)
    if (this.#users.has(path)) await new Promise<void>((free) => this.#free.set(path, free))
    this.#free.delete(path)
    return {
      [Symbol.dispose]: () => {
        if (this.#held.get(path) === promise) this.#held.delete(path)
        resolve()
      },
    }
  }

  async #unheld(path: string): Promise<void> {
    for (let held = this.#held.get(path); held !== undefined; held = this.#held.get(path)) await held
  }
}
