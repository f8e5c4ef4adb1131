type Why = "AbortError" | "TimeoutError"

/** An AbortSignal, and its reason, that are made when somebody asks for it: most steps never do, and making them costs more than running those. */
export class LazySignal {
  #controller: AbortController | undefined
  #reason: { readonly why: Why; readonly message: string } | undefined

  get signal(): AbortSignal {
    this.#controller ??= new AbortController()
    this.#tell()
    return this.#controller.signal
  }

  /** Only the first reason counts. */
  abort(why: Why, message: string): void {
    this.#reason ??= { why, message }
    this.#tell()
  }

  #tell(): void {
    if (this.#reason === undefined || this.#controller === undefined || this.#controller.signal.aborted) return
    this.#controller.abort(new DOMException(this.#reason.message, this.#reason.why))
  }
}
