import { Cron } from "croner"
import { invalid } from "./check.ts"

/** A cron pattern, as stored. */
export interface Schedule {
  readonly cron: string
  /** An IANA name such as "Europe/Berlin". Default UTC. */
  readonly timezone?: string
}

/** The first moment behind `after`. Throws `input.invalid` when the pattern can't be read or never comes. */
export function nextTick({ cron, timezone = "UTC" }: Schedule, after: number): number {
  let next: Date | null
  try {
    next = new Cron(cron, { timezone, paused: true }).nextRun(new Date(after))
  } catch (error) {
    throw invalid("schedule", `can't be read: ${(error as Error).message}`)
  }
  if (next === null) throw invalid("schedule", `"${cron}" never comes`)
  return next.getTime()
}
