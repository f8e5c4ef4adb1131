import { RpcTarget } from "capnweb"

/** Something under way for a client, who may wait for its end or cancel it. The end of the connection cancels it too. */
export class RemoteCall extends RpcTarget {
  readonly #abort = new AbortController()
  readonly #outcome: Promise<object>

  constructor(session: AbortSignal, act: (signal: AbortSignal) => Promise<object>) {
    super()
    this.#outcome = act(AbortSignal.any([session, this.#abort.signal]))
    this.#outcome.catch(() => {})
  }

  /** Resolves also for what failed. */
  async ended(): Promise<object> {
    return this.#outcome
  }

  cancel(): void {
    this.#abort.abort()
  }
}
