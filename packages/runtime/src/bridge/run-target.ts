/** The number by which a guest calls the run itself: a number that no binding and no export has. */
export const runTarget = -3

/** Why a run is to end: what `ctx.signal` of the guest is given as its reason. */
export interface AbortNotice {
  readonly name: "AbortError" | "TimeoutError"
  readonly message: string
}

/** What a guest may ask of its run. */
export class RunTarget {
  readonly #told: Promise<AbortNotice>
  #tell: (notice: AbortNotice) => void = () => {}
  readonly #onAsked: () => void
  /** Whether the guest waits for the notice. */
  isAsked = false

  /** `onAsked` is called once, when the guest begins to wait. */
  constructor(onAsked: () => void) {
    this.#onAsked = onAsked
    this.#told = new Promise((resolve) => (this.#tell = resolve))
  }

  aborted(): Promise<AbortNotice> {
    if (!this.isAsked) {
      this.isAsked = true
      this.#onAsked()
    }
    return this.#told
  }

  tell(notice: AbortNotice): void {
    this.#tell(notice)
  }
}
