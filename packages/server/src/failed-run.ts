import { randomUUID } from "node:crypto"
import type { Run } from "@mayfly/platform"
import type { MayflyError } from "@mayfly/protocol"

export type FailedRun = Extract<Run, { ok: false }>

/** A run that ended before it had an isolate: the program can't be compiled, for instance. */
export function failedRun(error: MayflyError): FailedRun {
  const usage = {
    cpuMs: 0,
    wallMs: 0,
    queueMs: 0,
    peakMemoryBytes: 0,
    bytesIn: 0,
    bytesOut: 0,
    subRequests: 0,
    bindingCalls: 0,
    logBytes: 0,
  }
  return { id: `run_${randomUUID().replaceAll("-", "")}`, ok: false, error, logs: [], usage, egress: [] }
}
