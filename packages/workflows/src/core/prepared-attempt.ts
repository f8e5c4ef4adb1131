import type { LazySignal } from "./lazy-signal.ts"
import type { Attempt, StepHost } from "./step-host.ts"
import { parseKey, type StepKey } from "./step-key.ts"

interface Parts {
  readonly abort: LazySignal
  readonly idempotencyKey: string
  host(): StepHost
}

/** An attempt whose parts are made when somebody asks: most steps use few of them. */
export class PreparedAttempt implements Attempt {
  readonly key: StepKey
  readonly attempt: number
  readonly #parts: Parts
  #inner: StepHost | undefined

  constructor(key: StepKey, attempt: number, parts: Parts) {
    this.key = key
    this.attempt = attempt
    this.#parts = parts
  }

  get name(): string {
    return parseKey(this.key).name
  }

  get count(): number {
    return parseKey(this.key).count
  }

  get idempotencyKey(): string {
    return this.#parts.idempotencyKey
  }

  get signal(): AbortSignal {
    return this.#parts.abort.signal
  }

  get inner(): StepHost {
    return (this.#inner ??= this.#parts.host())
  }
}
