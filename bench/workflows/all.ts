import type { StartOptions, WorkflowContender } from "./contender.ts"
import { startDbos } from "./contenders/dbos.ts"
import { startMayfly } from "./contenders/mayfly.ts"
import { startMiniflare } from "./contenders/miniflare.ts"
import { startOpenworkflow } from "./contenders/openworkflow.ts"
import { startRestate } from "./contenders/restate.ts"
import type { PeerName } from "./peers.ts"

export const sectionNames = ["speed", "sleepers", "resume", "size"] as const
export type SectionName = (typeof sectionNames)[number]

export interface ContenderEntry {
  readonly title: string
  readonly sections: readonly SectionName[]
  /** What must be installed for it. */
  readonly peer?: PeerName
  /** Needs a Postgres, which lives on when its own process is killed. */
  readonly usesPostgres?: true
  /** Makes tens of instances per second: fewer are measured. */
  readonly isSlow?: true
  /** How long it takes to put a thousand to sleep, at most. */
  readonly lullMs: number
  /** What is known to keep it from going on after a crash. */
  readonly cannotResume?: string
  start(options: StartOptions): Promise<WorkflowContender>
}

export const contenders: Readonly<Record<string, ContenderEntry>> = {
  mayfly: {
    title: "Mayfly, functions in the process",
    sections: sectionNames,
    lullMs: 5_000,
    start: (options) => startMayfly("closures", options),
  },
  "mayfly-warm-script": {
    title: "Mayfly, script with reuse",
    sections: ["speed", "sleepers"],
    lullMs: 20_000,
    start: (options) => startMayfly("warm-script", options),
  },
  "mayfly-script": {
    title: "Mayfly, script, an isolate per activation",
    sections: ["speed"],
    lullMs: 20_000,
    start: (options) => startMayfly("script", options),
  },
  "mayfly-code": {
    title: "Mayfly, an isolate per step",
    sections: ["speed"],
    isSlow: true,
    lullMs: 20_000,
    start: (options) => startMayfly("code", options),
  },
  restate: {
    title: "Restate",
    sections: sectionNames,
    peer: "@restatedev/restate-server",
    lullMs: 15_000,
    start: startRestate,
  },
  dbos: {
    title: "DBOS on Postgres",
    sections: sectionNames,
    peer: "@dbos-inc/dbos-sdk",
    usesPostgres: true,
    isSlow: true,
    lullMs: 20_000,
    start: startDbos,
  },
  openworkflow: {
    title: "openworkflow on SQLite",
    sections: sectionNames,
    peer: "openworkflow",
    isSlow: true,
    lullMs: 30_000,
    start: startOpenworkflow,
  },
  miniflare: {
    title: "Cloudflare's local engine",
    sections: sectionNames,
    peer: "miniflare",
    isSlow: true,
    lullMs: 60_000,
    cannotResume: "its local engine wakes nothing after its process ended",
    start: startMiniflare,
  },
}
