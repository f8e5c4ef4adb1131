import { readdirSync, readFileSync } from "node:fs"

/** `root` and all that descends from it. */
export function processesBelow(root: number): number[] {
  const found = [root]
  for (let index = 0; index < found.length; index++) found.push(...childrenOf(found[index] ?? 0))
  return found
}

/** Of all its threads: the kernel lists a process below the thread that made it. */
export function childrenOf(pid: number): number[] {
  return threadsOf(pid).flatMap((thread) =>
    readOr(`/proc/${pid}/task/${thread}/children`, "")
      .split(" ")
      .filter((child) => child !== "")
      .map(Number),
  )
}

export function threadsOf(pid: number): string[] {
  try {
    return readdirSync(`/proc/${pid}/task`)
  } catch {
    return []
  }
}

/** What is read of a process may be gone. */
export function readOr(path: string, otherwise: string): string {
  try {
    return readFileSync(path, "utf8")
  } catch {
    return otherwise
  }
}
