import { atLeast, atMost, below, divided, type Goal } from "../report/goals.ts"
import type { LoadRow } from "./load.ts"
import type { Overload } from "./overload.ts"
import { servedRow } from "./sections.ts"
import type { Soak } from "./soak.ts"

export interface ServerResults {
  readonly load?: readonly LoadRow[]
  readonly overload?: Overload
  readonly soak?: Soak
}

/** What the server wants to reach, against what was measured. */
export function goalsOf({ load = [], overload, soak }: ServerResults): Goal[] {
  const rate = (name?: string): number | undefined => servedRow(load, 128, name)?.runsPerSecond
  const growth = soak?.growth.isFlat === undefined ? undefined : soak.growth
  const failed = load.filter(({ name }) => name === "mayfly serve").map((row) => row.failed)
  return [
    atLeast("128 connections: runs per second / in process", divided(rate(), rate("in process")), 0.95, "x"),
    atLeast("  / workerd load() over HTTP", divided(rate(), rate("workerd, one process")), 1, "x"),
    below("16 connections: p99", servedRow(load, 16)?.p99Ms, 54, " ms"),
    atMost("requests that failed", failed.length === 0 ? undefined : Math.max(...failed), 0, ""),
    atMost("overload: refused without Retry-After", refusedBare(overload), 0, ""),
    below("overload: back to normal", overload?.recoveryMs, 1_000, " ms"),
    atMost("soak: operations that went wrong", soak?.failures, 0, ""),
    below("soak: growth of the server", growth?.serverBytes, 256, " bytes/operation"),
    below("soak: growth of its other processes", growth?.otherBytes, 1_024, " bytes/operation"),
  ]
}

function refusedBare(overload: Overload | undefined): number | undefined {
  return overload === undefined ? undefined : overload.refused - overload.refusedWithRetryAfter
}
