import { readdirSync, readFileSync } from "node:fs"

/** Every process below `root`, as the kernel sees them: jails, hosts and compilers. */
export function readProcesses(root = process.pid): number[] {
  const children = new Map<number, number[]>()
  for (const name of readdirSync("/proc")) {
    if (!/^\d+$/.test(name)) continue
    const parent = parentOf(Number(name))
    if (parent === undefined) continue
    children.set(parent, [...(children.get(parent) ?? []), Number(name)])
  }
  const below: number[] = []
  const waiting = [root]
  for (let pid = waiting.pop(); pid !== undefined; pid = waiting.pop()) {
    for (const child of children.get(pid) ?? []) {
      below.push(child)
      waiting.push(child)
    }
  }
  return below
}

/** Processes below `root` that run the program `file` (a part of the command line), jails not counted. */
export function processesOf(file: string, root = process.pid): number[] {
  return readProcesses(root).filter((pid) => {
    const words = commandOf(pid)
    return !/(?:^|\/)(?:bwrap|sh)$/.test(words[0] ?? "") && words.some((word) => word.endsWith(file))
  })
}

export function hostsOf(root = process.pid): number[] {
  return processesOf("/host.cjs", root)
}

export function isAlive(pid: number): boolean {
  const state = /^\d+ \(.*\) (\w)/s.exec(readText(pid, "stat"))?.[1]
  return state !== undefined && state !== "Z" && state !== "X"
}

/** The most that the process has ever had resident. */
export function residentMb(pid: number): number {
  return Number(/VmHWM:\s+(\d+)/.exec(readText(pid, "status"))?.[1] ?? 0) / 1_024
}

export function commandOf(pid: number): string[] {
  return readText(pid, "cmdline")
    .split("\0")
    .filter((word) => word !== "")
}

function parentOf(pid: number): number | undefined {
  const parent = /^\d+ \(.*\) \w (\d+)/s.exec(readText(pid, "stat"))?.[1]
  return parent === undefined ? undefined : Number(parent)
}

function readText(pid: number, file: string): string {
  try {
    return readFileSync(`/proc/${pid}/${file}`, "utf8")
  } catch {
    // It is gone.
    return ""
  }
}

/** Looks again until `check` holds. A deadline, not a delay: fails after `ms`. */
export async function eventually(check: () => boolean | Promise<boolean>, what: string, ms = 15_000): Promise<void> {
  const until = performance.now() + ms
  while (!(await check())) {
    if (performance.now() > until) throw new Error(`not within ${ms} ms: ${what}`)
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}
