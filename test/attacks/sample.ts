/** The seed of this process's random choices: MAYFLY_SEED, else a new one. Printed, so that a failure can be repeated. */
export const seed: number = Number(process.env["MAYFLY_SEED"] ?? Math.floor(Math.random() * 1e9))
console.log(`MAYFLY_SEED=${seed}`)

/** `count` of the items, chosen by the seed, in their own order. */
export function sample<Item>(items: readonly Item[], count: number): Item[] {
  const random = generator(seed)
  const keyed = items.map((item, index) => ({ item, index, key: random() }))
  return keyed
    .toSorted((a, b) => a.key - b.key)
    .slice(0, count)
    .toSorted((a, b) => a.index - b.index)
    .map(({ item }) => item)
}

/** mulberry32 */
function generator(from: number): () => number {
  let state = from >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296
  }
}
