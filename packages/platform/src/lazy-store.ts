import { MayflyError } from "@mayfly/protocol"
import { openStore, type Store } from "@mayfly/store"

/** The store of a platform, opened when a part first needs it: most runs keep nothing. */
export class LazyStore {
  readonly #directory: string | undefined
  #opening: Promise<Store> | undefined
  #isClosed = false

  constructor(directory: string | undefined) {
    this.#directory = directory
  }

  get(): Promise<Store> {
    if (this.#isClosed) return Promise.reject(new MayflyError("platform.disposed", "the platform was disposed"))
    this.#opening ??= this.#open()
    return this.#opening
  }

  /** Closes it when it was opened. Calling twice is safe. */
  async close(): Promise<void> {
    this.#isClosed = true
    await (await this.#opening?.catch(() => undefined))?.close()
  }

  async #open(): Promise<Store> {
    try {
      return await openStore(this.#directory === undefined ? {} : { directory: this.#directory })
    } catch (error) {
      // Asked again, it tries again.
      this.#opening = undefined
      throw error
    }
  }
}
