import { openSync, readSync } from "node:fs"

const pageBytes = 4_096
const buffer = Buffer.alloc(128)
const statm = openStatm()

/** Within a millisecond this process's own thread changes little, and a turn often begins right behind another's end. */
const recentMs = 1
let last = 0
let lastAt = -Infinity

/** The same as `residentBytes`, or what that gave a moment ago. */
export function recentResidentBytes(): number {
  return performance.now() - lastAt < recentMs ? last : residentBytes()
}

/** Resident bytes of this process. Read from /proc where there is one: ten times cheaper than process.memoryUsage. */
export function residentBytes(): number {
  last = read()
  lastAt = performance.now()
  return last
}

function read(): number {
  if (statm === undefined) return process.memoryUsage.rss()
  const length = readSync(statm, buffer, 0, buffer.length, 0)
  return Number(buffer.toString("latin1", 0, length).split(" ", 2)[1]) * pageBytes
}

function openStatm(): number | undefined {
  try {
    return openSync("/proc/self/statm", "r")
  } catch {
    return undefined
  }
}
