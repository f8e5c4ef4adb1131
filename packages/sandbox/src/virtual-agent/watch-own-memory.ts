import { writeSync } from "node:fs"
import { memoryExitCode } from "./memory-exit.ts"

const everyMs = 100
/** What Node, the imitation and its spare thread take by themselves. */
const ownBytes = 160 << 20

/** Ends this process when it holds too much: commands share its memory, and no kernel limits it. */
export function watchOwnMemory(memoryMb: number): void {
  setInterval(() => {
    if (process.memoryUsage.rss() <= ownBytes + memoryMb * 1_048_576) return
    // In words too: whoever sees the link break first may end this process before it has exited.
    writeSync(2, "out of memory\n")
    process.exit(memoryExitCode)
  }, everyMs).unref()
}
