import { setTimeout as delay } from "node:timers/promises"
import { MayflyError } from "@mayfly/protocol"
import { readOr, threadsOf } from "./processes-below.ts"

const waitMs = 10_000
const everyMs = 2

/**
 * Stops processes, for which `find` is asked again until it names no new ones: one may make another before it is stopped. When this resolves none of them runs.
 * What it gives lets them go on. Rejects with `sandbox.unavailable` when one does not stop in time; they go on then.
 */
export async function pauseProcesses(find: () => readonly number[]): Promise<Disposable> {
  const stopped = new Set<number>()
  using paused = new DisposableStack()
  paused.defer(() => {
    for (const pid of stopped) signal(pid, "SIGCONT")
  })
  const end = performance.now() + waitMs
  for (;;) {
    const found = find()
    const fresh = found.filter((pid) => !stopped.has(pid))
    for (const pid of fresh) {
      stopped.add(pid)
      signal(pid, "SIGSTOP")
    }
    if (fresh.length === 0 && found.every(isStill)) return paused.move()
    if (performance.now() > end)
      throw new MayflyError("sandbox.unavailable", "the sandbox's processes could not be paused", { retry: true })
    await delay(everyMs)
  }
}

/** Stopped, being traced by one that is stopped, or over. */
function isStill(pid: number): boolean {
  return threadsOf(pid).every((thread) => {
    const stat = readOr(`/proc/${pid}/task/${thread}/stat`, "")
    return stat === "" || "TtZX".includes(stat.slice(stat.lastIndexOf(")") + 2)[0] ?? "")
  })
}

function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name)
  } catch {
    // It has ended.
  }
}
