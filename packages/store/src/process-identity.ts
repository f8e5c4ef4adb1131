import { readFileSync } from "node:fs"

/** A process that a lock names. `started` tells it from a later process with the same number. */
export interface ProcessIdentity {
  readonly pid: number
  /** Boot and start time where the system tells them, else null. */
  readonly started: string | null
}

export function ownIdentity(): ProcessIdentity {
  return { pid: process.pid, started: startOf(process.pid) }
}

export function isAlive({ pid, started }: ProcessIdentity): boolean {
  if (!exists(pid)) return false
  const current = startOf(pid)
  if (current === "ended") return false
  return started === null || current === null || current === started
}

function exists(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    // Somebody else's process is a process.
    return (error as NodeJS.ErrnoException).code === "EPERM"
  }
}

/** Field 22 of /proc/PID/stat, behind the name, which may hold spaces and brackets. A container's first process always has the number 1. */
function startOf(pid: number): string | null {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8")
    const boot = readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim()
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ")
    // It has ended, and its parent has not asked how. It uses nothing any more.
    if (fields[0] === "Z" || fields[0] === "X") return "ended"
    return `${boot}:${fields[19] ?? ""}`
  } catch {
    return null
  }
}
