import { MayflyError } from "@mayfly/protocol"
import { RpcTarget } from "capnweb"

/** What became of it, and what counts for it until somebody takes it. */
export interface HeldOutcome {
  readonly outcome: object
  readonly held: Disposable
}

/** Something under way for a client, who may wait for its end or cancel it. The end of the connection cancels it too. */
export class RemoteCall extends RpcTarget {
  readonly #abort = new AbortController()
  #outcome: Promise<HeldOutcome> | undefined

  constructor(session: AbortSignal, act: (signal: AbortSignal) => Promise<HeldOutcome>) {
    super()
    this.#outcome = act(AbortSignal.any([session, this.#abort.signal]))
    this.#outcome.catch(() => {})
  }

  /** Resolves also for what failed. Once: a result that was sent is not kept. */
  async ended(): Promise<object> {
    const pending = this.#outcome
    if (pending === undefined) throw new MayflyError("input.invalid", "the outcome was asked for before")
    this.#outcome = undefined
    using held = new DisposableStack()
    const { outcome, held: own } = await pending
    held.use(own)
    return outcome
  }

  cancel(): void {
    this.#abort.abort()
  }

  /** The client let go of it. What is under way goes on: a response may still be read. */
  [Symbol.dispose](): void {
    void this.#outcome?.then(({ held }) => held[Symbol.dispose]()).catch(() => {})
    this.#outcome = undefined
  }
}
