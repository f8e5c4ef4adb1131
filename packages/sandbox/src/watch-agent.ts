import type { SupervisorLink } from "./link/supervisor-link.ts"

const everyMs = 10_000
const answerMs = 60_000

export interface AgentWatch {
  onSilent(): void
  /** How often the agent was paused or let go on: it need not have answered what was asked before the last time. */
  pauses?(): number
}

/** A guest can stop the agent, which has its rights. Nobody should wait for that for ever. Gives what ends the watch. */
export function watchAgent(link: SupervisorLink, { onSilent, pauses = () => 0 }: AgentWatch): () => void {
  const timer = setInterval(() => {
    const before = pauses()
    const late = setTimeout(() => {
      if (pauses() === before) onSilent()
    }, answerMs).unref()
    const done = (): void => clearTimeout(late)
    try {
      link.open({ op: "ping" }).closed.then(done, done)
    } catch {
      // Full: those calls will be answered, or the link is broken already.
      done()
    }
  }, everyMs).unref()
  return () => clearInterval(timer)
}
