import { randomInt } from "node:crypto"
import { readFileSync } from "node:fs"
import { readFile } from "node:fs/promises"
import { join } from "node:path"
import { namesIn } from "../names-in.ts"
import { unavailable } from "../unavailable.ts"

/** Numbers that neither people, containers nor systemd hand out. */
const wanted = { first: 1_900_000_000, count: 1 << 24 }

/** A user that no sandbox has whose folder is in `boxes`: each folder holds a file `user`. */
export async function newUser(boxes: string): Promise<number> {
  const taken = new Set<number>()
  for (const id of await namesIn(boxes))
    taken.add(Number(await readFile(join(boxes, id, "user"), "utf8").catch(() => "0")))
  const user = chooseUserId(taken)
  if (user !== undefined) return user
  throw unavailable("a user of its own for each sandbox can't be had: this container has too few users")
}

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
