import type { Settled } from "../core/step-host.ts"
import { decode, errorOf, readFailure } from "../define/codec.ts"

/** The value of a step, or its error thrown. */
export async function valueOf(settled: Promise<Settled>): Promise<unknown> {
  const end = await settled
  if (end.ok) return end.value === "" ? undefined : decode(end.value)
  throw errorOf(readFailure(end.failure))
}
