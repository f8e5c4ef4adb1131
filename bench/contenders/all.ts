import { availableParallelism } from "node:os"
import type { Contender } from "./contender.ts"
import { startMayfly } from "./mayfly.ts"
import type { PeerName } from "./peers.ts"
import { startDenoProcesses, startNodeProcesses } from "./process-per-run.ts"
import { startRawIsolate } from "./raw-isolate.ts"
import { startWorkerThreads } from "./worker-thread.ts"
import { startWorkerd } from "./workerd.ts"

export interface ContenderEntry {
  readonly title: string
  /** What must be installed for it. */
  readonly peer?: PeerName
  /** Whether all its work is done outside the driver process, so that the driver's CPU can be told apart. */
  readonly isOutside: boolean
  /** Takes tens of milliseconds per run: fewer runs are measured. */
  readonly isSlow?: true
  /** Takes part in the tables over script size and over clients. */
  readonly scales?: "size" | "size and clients"
  start(): Promise<Contender>
}

const cores = availableParallelism()
const inHost = { isOutside: false }
const slow = { isOutside: true, isSlow: true } as const
const workerd = { peer: "workerd", isOutside: true } as const

export const contenders: Readonly<Record<string, ContenderEntry>> = {
  mayfly: {
    title: "Mayfly, worker.run",
    ...inHost,
    scales: "size and clients",
    start: () => startMayfly({ isNewCode: false, hasJail: true }),
  },
  "mayfly-new": {
    title: "Mayfly, create + run of new code",
    ...inHost,
    scales: "size",
    start: () => startMayfly({ isNewCode: true, hasJail: true }),
  },
  "mayfly-nojail": {
    title: "Mayfly, worker.run without jail",
    ...inHost,
    start: () => startMayfly({ isNewCode: false, hasJail: false }),
  },
  "mayfly-warm": {
    title: "Mayfly, worker.run with reuse, warm",
    ...inHost,
    start: () => startMayfly({ isNewCode: false, hasJail: true, isWarm: true }),
  },
  raw: {
    title: "raw isolated-vm in process",
    ...inHost,
    scales: "size",
    start: () => startRawIsolate({ isSync: false }),
  },
  "raw-sync": {
    title: "raw isolated-vm, on the caller's thread",
    ...inHost,
    start: () => startRawIsolate({ isSync: true }),
  },
  workerd: {
    title: "workerd load() over HTTP",
    ...workerd,
    scales: "size and clients",
    start: () => startWorkerd({ kind: "load", isInside: false, processes: 1 }),
  },
  "workerd-inside": {
    title: "workerd load(), no HTTP (mean)",
    ...workerd,
    start: () => startWorkerd({ kind: "load", isInside: true, processes: 1 }),
  },
  "workerd-cores": {
    title: `workerd load() over HTTP, ${cores} processes`,
    ...workerd,
    start: () => startWorkerd({ kind: "load", isInside: false, processes: cores }),
  },
  "workerd-warm": {
    title: "workerd get(id) over HTTP, warm",
    ...workerd,
    start: () => startWorkerd({ kind: "get", isInside: false, processes: 1 }),
  },
  "workerd-warm-inside": {
    title: "workerd get(id), warm, no HTTP (mean)",
    ...workerd,
    start: () => startWorkerd({ kind: "get", isInside: true, processes: 1 }),
  },
  deno: { title: "deno run per run", peer: "deno", ...slow, start: startDenoProcesses },
  process: { title: "node process per run", ...slow, start: startNodeProcesses },
  thread: { title: "worker_thread per run", isOutside: false, isSlow: true, start: startWorkerThreads },
}
