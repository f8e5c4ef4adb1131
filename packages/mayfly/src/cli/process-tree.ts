import { readdirSync, readFileSync } from "node:fs"

/** Clock ticks per second in /proc: fixed at 100 for user space on every architecture that Node runs on. */
const tickMs = 10

/** A process and all below it. Empty when there is no /proc. */
export function processTree(root: number): number[] {
  const children = new Map<number, number[]>()
  for (const pid of allProcesses()) {
    const parent = Number(statOf(pid)?.[1] ?? 0)
    children.set(parent, [...(children.get(parent) ?? []), pid])
  }
  const tree = [root]
  for (const pid of tree) tree.push(...(children.get(pid) ?? []))
  return tree.filter((pid) => statOf(pid) !== undefined)
}

/**
 * User and system CPU of a process. With children: what its ended and awaited children used goes to it, so that over a whole tree
 * no process is lost when it ends and none is counted twice.
 */
export function cpuMsOf(pid: number): { own: number; withChildren: number } {
  const stat = statOf(pid)
  if (stat === undefined) return { own: 0, withChildren: 0 }
  const [user = 0, system = 0, childUser = 0, childSystem = 0] = stat.slice(11, 15).map(Number)
  const own = (user + system) * tickMs
  return { own, withChildren: own + (childUser + childSystem) * tickMs }
}

export function commandLine(pid: number): string {
  return readProc(`${pid}/cmdline`)?.replaceAll("\0", " ").trim() ?? ""
}

/** Proportional set size: memory shared by n processes counts 1/n for each. Undefined when it can't be read. */
export function pssBytes(pids: readonly number[]): number | undefined {
  let total = 0
  for (const pid of pids) {
    const match = /^Pss:\s+(\d+) kB/m.exec(readProc(`${pid}/smaps_rollup`) ?? "")
    if (match === null) return undefined
    total += Number(match[1]) * 1_024
  }
  return total
}

function allProcesses(): number[] {
  try {
    return readdirSync("/proc").map(Number).filter(Number.isInteger)
  } catch {
    return []
  }
}

/** The fields of /proc/PID/stat from the third on: state, parent, …; the name before them may hold anything. */
function statOf(pid: number): string[] | undefined {
  const text = readProc(`${pid}/stat`)
  return text?.slice(text.lastIndexOf(")") + 2).split(" ")
}

function readProc(path: string): string | undefined {
  try {
    return readFileSync(`/proc/${path}`, "utf8")
  } catch {
    return undefined
  }
}
