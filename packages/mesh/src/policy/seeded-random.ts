/** Test support: the seed of this run, printed by the tests that use it. `MAYFLY_SEED` repeats a run. */
export const seed = Number(process.env["MAYFLY_SEED"] ?? Math.floor(Math.random() * 2 ** 31))

/** mulberry32: small, and the same everywhere. */
export function seededRandom(start: number): () => number {
  let state = start
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}
