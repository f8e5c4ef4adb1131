/** What a guest waits for: an operation of its object's storage, or that its last turn's writes are on disk. */
export interface StoreRequest {
  readonly kind: "call" | "commit"
  readonly payload: string
}

export interface StoreAnswer {
  /** `+` and a value, or `-` and a failure. */
  readonly text: string
  /** Whether something is written that is not committed. */
  readonly isDirty: boolean
}

interface Piece {
  resolve(): void
  reject(error: unknown): void
}

/**
 * Cuts an object's turns where its thread waits for storage, so that the lane is free meanwhile: each piece between two waits is a turn of its own
 * for the lane. Behind the last piece of a turn that wrote stands the commit; what the turn leaves is looked at after it.
 */
export class StorageTurns {
  readonly #ask: (request: StoreRequest) => void
  #piece: Piece | undefined
  #resume: ((text: string) => void) | undefined
  #isDirty = false
  #isWaiting = false
  /** How the turn ended whose commit is awaited. */
  #ended: { readonly error: unknown } | undefined

  constructor(ask: (request: StoreRequest) => void) {
    this.#ask = ask
  }

  /** Nothing of this guest's may start. */
  get isWaiting(): boolean {
    return this.#isWaiting
  }

  /** Guest code, until it ends or waits. */
  enter(start: () => Promise<unknown>): Promise<unknown> {
    const piece = this.#newPiece()
    start().then(
      () => this.#piece?.resolve(),
      (error: unknown) => this.#piece?.reject(error ?? String(error)),
    )
    return piece
  }

  #newPiece(): Promise<void> {
    return new Promise((resolve, reject) => (this.#piece = { resolve, reject }))
  }

  /** Called from the guest's thread, which stands still until the promise settles. */
  wait(payload: string): Promise<string> {
    this.#isWaiting = true
    const answer = new Promise<string>((resolve) => (this.#resume = resolve))
    this.#ask({ kind: "call", payload })
    this.#piece?.resolve()
    return answer
  }

  /** Whether the turn is not over: it waits, or its commit is still to come. To be asked after each piece. */
  goesOn(error: unknown): boolean {
    if (this.#isWaiting) return true
    if (!this.#isDirty) return false
    this.#isWaiting = true
    this.#ended = { error }
    this.#ask({ kind: "commit", payload: "" })
    return true
  }

  /** The next piece. The lane must be this guest's. */
  resume({ text, isDirty }: StoreAnswer): Promise<unknown> {
    this.#isWaiting = false
    this.#isDirty = isDirty
    const ended = this.#ended
    if (ended !== undefined) {
      this.#ended = undefined
      return ended.error === undefined ? Promise.resolve() : Promise.reject(ended.error as Error)
    }
    const piece = this.#newPiece()
    this.#resume?.(text)
    return piece
  }
}
