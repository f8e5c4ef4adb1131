import type { Settled } from "../core/step-host.ts"
import { decode, errorOf, readFailure } from "../define/codec.ts"

/** The value of a step, or its error thrown. */
export async function valueOf(settled: Promise<Settled>): Promise<unknown> {
  const end = await settled
  if (end.ok) return end.value === "" ? undefined : decode(end.value)
  throw errorOf(readFailure(end.failure))
}

/** A step's value, and when it was completed: the same in every replay. */
export interface Stamped {
  readonly value: unknown
  readonly at: number
}

export async function stampedValueOf(settled: Promise<Settled>): Promise<Stamped> {
  const { at = 0 } = await settled
  return { value: await valueOf(settled), at }
}
