/** Holds the process while there is something to finish. */
export class KeepAlive {
  #timer: NodeJS.Timeout | undefined

  set(isNeeded: boolean): void {
    if (isNeeded && this.#timer === undefined) this.#timer = setInterval(() => {}, 1 << 30)
    if (isNeeded || this.#timer === undefined) return
    clearInterval(this.#timer)
    this.#timer = undefined
  }
}
