import type { DurableObjectStorage } from "../../storage-api/durable-storage.ts"
import type { InputGate } from "../../storage-api/input-gate.ts"
import type { DurableObjectId } from "./object-id.ts"
import { withinTime } from "./within-time.ts"

export interface StateParts {
  readonly id: DurableObjectId
  readonly props: unknown
  readonly storage: DurableObjectStorage
  readonly gate: InputGate
  /** Ends the object; the next call starts it anew. */
  readonly reset: (reason: unknown) => void
  /** Says in the logs what background work threw. */
  report(error: unknown): void
  /** Calls `late` after `ms`, unless the function that it gives is called before. */
  readonly after: (ms: number, late: () => void) => () => void
}

/** `ctx` of a Durable Object. */
export class DurableObjectState {
  readonly id: DurableObjectId
  readonly props: unknown
  readonly storage: DurableObjectStorage
  readonly exports: Readonly<Record<string, never>> = {}
  readonly #parts: StateParts

  constructor(parts: StateParts) {
    this.id = parts.id
    this.props = parts.props
    this.storage = parts.storage
    this.#parts = parts
  }

  /** No call is delivered before `act` is over. When it throws, the object starts over. */
  blockConcurrencyWhile<T>(act: () => Promise<T>): Promise<T> {
    return this.#parts.gate.whileClosed(async () => {
      try {
        return await withinTime(act, this.#parts.after, this.#parts.reset)
      } catch (error) {
        this.#parts.reset(error)
        throw error
      }
    })
  }

  /** Work that goes on after the answer. It does not keep the object from being put to rest when nobody calls it for long. */
  waitUntil(promise: unknown): void {
    Promise.resolve(promise).catch((error: unknown) => this.#parts.report(error))
  }

  /** Starts the object over: what was not committed is lost, calls under way fail with the reason. */
  abort(reason?: unknown): void {
    this.#parts.reset(reason ?? new Error("Application called abort() to reset Durable Object."))
  }

  passThroughOnException(): void {}
}
