import { processesBelow, readOr } from "../processes-below.ts"

const everyMs = 100

/**
 * Where the kernel has no limit for us: looks at all processes below `root` ten times a second, and kills the largest while they hold too much.
 * Past one and a half times the limit the sandbox ends: something grows faster than it can be killed. A guest that is quick enough gets past it,
 * for a tenth of a second.
 */
export function watchMemory(
  root: number,
  { memoryBytes, onExceeded }: { readonly memoryBytes: number; readonly onExceeded: (bytes: number) => void },
): () => void {
  const look = (): void => {
    const sizes = processesBelow(root).map((pid) => ({ pid, bytes: ownMemory(pid) }))
    const total = sizes.reduce((sum, { bytes }) => sum + bytes, 0)
    if (total > memoryBytes * 1.5) return onExceeded(total)
    if (total <= memoryBytes) return
    const largest = sizes.toSorted((a, b) => b.bytes - a.bytes)[0]
    if (largest !== undefined) kill(largest.pid)
  }
  const timer = setInterval(look, everyMs)
  timer.unref()
  return () => clearInterval(timer)
}

export function memoryBelow(root: number): { memoryBytes: number; processes: number } {
  const pids = processesBelow(root)
  return { memoryBytes: pids.reduce((sum, pid) => sum + ownMemory(pid), 0), processes: pids.length }
}

/** What is not a mapped file. Shared memory counts: a limit on private memory is passed by with MAP_SHARED. */
function ownMemory(pid: number): number {
  const status = readOr(`/proc/${pid}/status`, "")
  const kilobytes = (name: string): number => Number(new RegExp(`${name}:\\s+(\\d+) kB`).exec(status)?.[1] ?? 0)
  return (kilobytes("RssAnon") + kilobytes("RssShmem")) * 1_024
}

function kill(pid: number): void {
  try {
    process.kill(pid, "SIGKILL")
  } catch {
    // It has ended.
  }
}
