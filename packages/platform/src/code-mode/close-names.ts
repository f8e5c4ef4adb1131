const maxNames = 1_000

/** The names that somebody who wrote `wrong` may have meant, best first, at most three. */
export function closeNames(wrong: string, names: readonly string[]): string[] {
  const plain = simplify(wrong)
  if (plain === "") return []
  const limit = Math.max(2, Math.floor(plain.length / 3))
  return names
    .slice(0, maxNames)
    .filter(
      (name) =>
        Math.abs(simplify(name).length - plain.length) <= limit ||
        simplify(name).includes(plain) ||
        plain.includes(simplify(name)),
    )
    .map((name) => ({ name, distance: distanceBetween(plain, simplify(name)) }))
    .filter(({ distance }) => distance <= limit)
    .sort((a, b) => a.distance - b.distance)
    .slice(0, 3)
    .map(({ name }) => name)
}

/** Case and separators are what models mix up most. Cut, because the cost grows with the square and the name is a guest's. */
function simplify(name: string): string {
  return name
    .slice(0, 64)
    .toLowerCase()
    .replace(/[-_.\s]/g, "")
}

function distanceBetween(a: string, b: string): number {
  if (a !== "" && b !== "" && (a.includes(b) || b.includes(a))) return 1
  let row = Array.from({ length: b.length + 1 }, (_, index) => index)
  for (let at = 1; at <= a.length; at++) {
    const next = [at]
    for (let to = 1; to <= b.length; to++) {
      const swap = (row[to - 1] ?? 0) + (a[at - 1] === b[to - 1] ? 0 : 1)
      next.push(Math.min(swap, (row[to] ?? 0) + 1, (next[to - 1] ?? 0) + 1))
    }
    row = next
  }
  return row[b.length] ?? 0
}
