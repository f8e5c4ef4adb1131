/** Promises that outlive their request. */
export class PendingTasks {
  readonly #pending = new Set<Promise<void>>()
  readonly #onFailure: (error: unknown) => void

  constructor(onFailure: (error: unknown) => void) {
    this.#onFailure = onFailure
  }

  add(task: unknown): void {
    const settled = Promise.resolve(task).then(() => {}, this.#onFailure)
    this.#pending.add(settled)
    void settled.finally(() => this.#pending.delete(settled))
  }

  /** Resolves when none is left, those included that are added meanwhile. */
  async settle(): Promise<void> {
    while (this.#pending.size > 0) await Promise.all(this.#pending)
  }
}
