import type { RetryPolicy } from "./retry.ts"
import type { StepKey } from "./step-key.ts"

/** How a step or program ended. Texts are encoded by the front end. */
export type Settled = {
  /** When a step was completed. */
  readonly at?: number
} & ({ readonly ok: true; readonly value: string } | { readonly ok: false; readonly failure: string })

export interface DoConfig {
  readonly retries: RetryPolicy
  /** Per attempt. */
  readonly timeoutMs: number
  /** Never run again when a crash leaves open whether it ran. */
  readonly atMostOnce: boolean
}

export interface Attempt {
  readonly key: StepKey
  readonly name: string
  readonly count: number
  /** From 1. */
  readonly attempt: number
  /** The same for all attempts, also after a crash: outside systems recognise a repeated request by it. */
  readonly idempotencyKey: string
  /** Aborted when the attempt's time is over or the instance ends, is paused for good or moves. */
  readonly signal: AbortSignal
  /** Steps inside this step. */
  readonly inner: StepHost
}

export type AttemptEnd = { readonly detail?: string } & (
  | { readonly ok: true; readonly value: string }
  | {
      readonly ok: false
      readonly failure: string
      readonly isRetryable: boolean
      /** Instead of the policy's delay. */
      readonly delayMs?: number
    }
)

/** Undoes a step. `failure` is why the instance fails; `output` is the step's, missing when it had none. */
export interface Compensation {
  readonly config: DoConfig
  run(attempt: Attempt, about: { readonly failure: string; readonly output?: string }): Promise<AttemptEnd>
}

export interface DoStep {
  readonly name: string
  readonly config: DoConfig
  /** One attempt. Must not throw. May run more than once. */
  run(attempt: Attempt): Promise<AttemptEnd>
  readonly compensation?: Compensation
  /** Whether its result is the program's, and nothing comes after it: then both may be written at once. */
  readonly isLast?: boolean
}

export interface EventStep {
  readonly name: string
  readonly type: string
  readonly timeoutMs: number
  /** Plain data about the link that sends it, kept beside the link. */
  readonly about?: object
}

/** What user code may ask the engine for. Every promise resolves only after its row is durable, in the order of the journal, or never. */
export interface StepHost {
  do(step: DoStep): Promise<Settled>
  sleep(name: string, wake: { readonly ms: number } | { readonly until: number }): Promise<Settled>
  waitForEvent(step: EventStep): Promise<Settled>
  /** Starts another instance, once, and waits for its end. `start` is opaque here. */
  child(name: string, start: unknown): Promise<Settled>
}
