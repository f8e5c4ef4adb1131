/** Places for scripts in memory: each holds an isolate while its steps run. The tenant with the least of them goes first. */
export class ScriptSlots {
  readonly #most: number
  readonly #held = new Map<string, number>()
  readonly #waiting = new Map<string, (() => void)[]>()
  #taken = 0

  constructor(most: number) {
    this.#most = most
  }

  /** Resolves with a function that gives the place back; calling that twice is safe. Rejects when the signal says so. */
  async take(tenant: string, signal: AbortSignal): Promise<() => void> {
    signal.throwIfAborted()
    if (this.#taken >= this.#most) await this.#wait(tenant, signal)
    this.#taken++
    this.#held.set(tenant, (this.#held.get(tenant) ?? 0) + 1)
    let isHeld = true
    return () => {
      if (isHeld) this.#release(tenant)
      isHeld = false
    }
  }

  #wait(tenant: string, signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const waiting = this.#waiting.get(tenant) ?? []
      this.#waiting.set(tenant, waiting)
      const leave = (): void => {
        const at = waiting.indexOf(go)
        if (at !== -1) waiting.splice(at, 1)
        if (waiting.length === 0 && this.#waiting.get(tenant) === waiting) this.#waiting.delete(tenant)
        reject(signal.reason as Error)
      }
      const go = (): void => {
        signal.removeEventListener("abort", leave)
        resolve()
      }
      signal.addEventListener("abort", leave, { once: true })
      waiting.push(go)
    })
  }

  #release(tenant: string): void {
    this.#taken--
    const left = (this.#held.get(tenant) ?? 1) - 1
    if (left > 0) this.#held.set(tenant, left)
    else this.#held.delete(tenant)
    let next: string | undefined
    for (const other of this.#waiting.keys()) {
      if (next === undefined || (this.#held.get(other) ?? 0) < (this.#held.get(next) ?? 0)) next = other
    }
    const waiting = next === undefined ? undefined : this.#waiting.get(next)
    const go = waiting?.shift()
    if (next !== undefined && waiting?.length === 0) this.#waiting.delete(next)
    go?.()
  }
}
