import { readdirSync, readFileSync } from "node:fs"

/** The variable that marks all processes of one call, however often they fork and whatever session they make. */
export const callMark = "MAYFLY_CALL"

interface Entry {
  readonly pid: number
  readonly parent: number
  readonly group: number
  readonly session: number
  readonly isMarked: boolean
}

/**
 * Signals every process of a call: its process group and session, those that carry its mark, and the descendants of all of these. Repeats
 * SIGKILL until none is left, since processes may fork meanwhile. Gives how many were signalled.
 */
export function signalTree(root: number, mark: string, signal: NodeJS.Signals): number {
  const seen = new Set<number>()
  for (let round = 0; round < 20; round++) {
    const found = treeOf(root, mark).filter((pid) => signal === "SIGKILL" || !seen.has(pid))
    const signalled = found.filter((pid) => send(pid, signal))
    for (const pid of signalled) seen.add(pid)
    if (signal !== "SIGKILL" || signalled.length === 0) break
  }
  return seen.size
}

/** The processes below `root`, without itself. */
export function descendants(root: number): number[] {
  return withDescendants(new Set([root]), readEntries("")).filter((pid) => pid !== root)
}

function treeOf(root: number, mark: string): number[] {
  const entries = readEntries(mark)
  const own = new Set<number>()
  for (const { pid, group, session, isMarked } of entries)
    if (pid === root || group === root || session === root || isMarked) own.add(pid)
  return withDescendants(own, entries)
}

function withDescendants(own: Set<number>, entries: readonly Entry[]): number[] {
  for (let before = -1; before !== own.size;) {
    before = own.size
    for (const { pid, parent } of entries) if (own.has(parent)) own.add(pid)
  }
  own.delete(1)
  own.delete(process.pid)
  return [...own]
}

function readEntries(mark: string): Entry[] {
  return readdirSync("/proc").flatMap((name) => (/^\d+$/.test(name) ? readEntry(Number(name), mark) : []))
}

function readEntry(pid: number, mark: string): Entry[] {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8")
    // The name is in brackets and may hold anything, brackets too.
    const [state, parent, group, session] = stat.slice(stat.lastIndexOf(")") + 2).split(" ")
    if (state === "Z") return []
    const isMarked = mark !== "" && readFileSync(`/proc/${pid}/environ`, "latin1").includes(`${callMark}=${mark}\0`)
    return [{ pid, parent: Number(parent), group: Number(group), session: Number(session), isMarked }]
  } catch {
    // It ended, or is none of ours.
    return []
  }
}

function send(pid: number, signal: NodeJS.Signals): boolean {
  try {
    return process.kill(pid, signal)
  } catch {
    return false
  }
}
