import { randomInt } from "node:crypto"
import { readFileSync } from "node:fs"

/** Numbers that neither people, containers nor systemd hand out. */
const wanted = { first: 1_900_000_000, count: 1 << 24 }

/** A user of the kernel's for one sandbox, different from those in use, never 0. Undefined when this process may not make one. */
export function chooseUserId(taken: ReadonlySet<number>): number | undefined {
  const range = usableRange(readFileSync("/proc/self/uid_map", "utf8"))
  if (range === undefined) return undefined
  for (let tries = 0; tries < 1_000; tries++) {
    const id = range.first + randomInt(range.count)
    if (!taken.has(id)) return id
  }
  return undefined
}

/** In a container that has few users: the upper half of them. */
export function usableRange(uidMap: string): { first: number; count: number } | undefined {
  const ranges = uidMap.split("\n").flatMap((line) => {
    const [first, , count] = line.trim().split(/\s+/).map(Number)
    return first === undefined || count === undefined ? [] : [{ first, count }]
  })
  if (ranges.some(({ first, count }) => first <= wanted.first && first + count >= wanted.first + wanted.count))
    return wanted
  const largest = ranges.toSorted((a, b) => b.count - a.count)[0]
  if (largest === undefined || largest.count < 1_024) return undefined
  const half = Math.floor(largest.count / 2)
  // The last ones are "nobody".
  return { first: largest.first + half, count: half - 16 }
}
