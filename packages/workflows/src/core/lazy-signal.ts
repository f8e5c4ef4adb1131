/** An AbortSignal that is made when somebody asks for it: most steps never do, and making one costs more than running them. */
export class LazySignal {
  #controller: AbortController | undefined
  #reason: DOMException | undefined

  get signal(): AbortSignal {
    if (this.#controller === undefined) {
      this.#controller = new AbortController()
      if (this.#reason !== undefined) this.#controller.abort(this.#reason)
    }
    return this.#controller.signal
  }

  /** Only the first reason counts. */
  abort(reason: DOMException): void {
    if (this.#reason !== undefined) return
    this.#reason = reason
    this.#controller?.abort(reason)
  }
}
