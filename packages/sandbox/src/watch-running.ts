import { watchDisk } from "./bubblewrap/disk-watchdog.ts"
import type { SupervisorLink } from "./link/supervisor-link.ts"
import type { SandboxEnd, SandboxSpec } from "./sandbox-provider.ts"

const mebibyte = 1_048_576
const pingEveryMs = 10_000
const answerMs = 60_000

export interface WatchOptions {
  readonly limits: Pick<SandboxSpec["limits"], "diskMb" | "wallMs">
  /** The folder to measure. Undefined where the disk has a limit of its own. */
  readonly files: string | undefined
  readonly stop: (end: SandboxEnd) => Promise<void>
}

/** Ends a sandbox that runs too long, keeps too much, or whose agent is silent. Gives what ends the watches. */
export function watchRunning(link: SupervisorLink, { limits, files, stop }: WatchOptions): (() => void)[] {
  const { diskMb, wallMs } = limits
  const exceed = (limit: "diskMb" | "wallMs", detail: string): void => void stop({ reason: "limit", limit, detail })
  const watches = [watchAgent(link, () => void stop({ reason: "crashed", detail: "the agent does not answer" }))]
  if (wallMs !== null) {
    const timer = setTimeout(() => exceed("wallMs", `it ran for ${wallMs} ms`), wallMs)
    watches.push(() => clearTimeout(timer))
  }
  if (files !== undefined) {
    const onExceeded = (bytes: number): void => exceed("diskMb", `its files have ${bytes} bytes`)
    watches.push(watchDisk(files, { diskBytes: diskMb * mebibyte, onExceeded }))
  }
  return watches
}

/** A guest can stop the agent, which has its rights. Nobody should wait for that for ever. */
function watchAgent(link: SupervisorLink, onSilent: () => void): () => void {
  const timer = setInterval(() => {
    const late = setTimeout(onSilent, answerMs).unref()
    const done = (): void => clearTimeout(late)
    try {
      link.open({ op: "ping" }).closed.then(done, done)
    } catch {
      // Full: those calls will be answered, or the link is broken already.
      done()
    }
  }, pingEveryMs).unref()
  return () => clearInterval(timer)
}
