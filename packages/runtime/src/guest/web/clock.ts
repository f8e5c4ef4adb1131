const { now } = Date

let origin: number | null = null
let latest = 0

/**
 * The time, in whole milliseconds since `timeOrigin`. Never runs backwards. Coarse on purpose: a finer clock would let
 * guest code read other memory of its process by timing (Spectre).
 */
export function elapsedMs(): number {
  const elapsed = now() - timeOrigin()
  if (elapsed > latest) latest = elapsed
  return latest
}

/** Epoch milliseconds of the first look at the clock: an isolate may have waited long in the pool before its run. */
export function timeOrigin(): number {
  return (origin ??= now())
}
