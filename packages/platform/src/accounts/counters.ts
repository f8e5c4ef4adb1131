import type { UsageTotals } from "@mayfly/protocol"
/** What is counted, in whole numbers, so that sums are exact: microseconds, bytes, KiB times milliseconds. */
export const counterNames = [
  "runs",
  "failedRuns",
  "cpuUs",
  "wallUs",
  "memoryKibMs",
  "bytesIn",
  "bytesOut",
  "subRequests",
  "bindingCalls",
  "workflowInstances",
  "workflowSteps",
  "sandboxMs",
  "sandboxCpuUs",
  "sandboxMemoryKibMs",
] as const

export type CounterName = (typeof counterNames)[number]
export type Counters = Record<CounterName, number>

export function noCounters(): Counters {
  return {
    runs: 0,
    failedRuns: 0,
    cpuUs: 0,
    wallUs: 0,
    memoryKibMs: 0,
    bytesIn: 0,
    bytesOut: 0,
    subRequests: 0,
    bindingCalls: 0,
    workflowInstances: 0,
    workflowSteps: 0,
    sandboxMs: 0,
    sandboxCpuUs: 0,
    sandboxMemoryKibMs: 0,
  }
}

export function addCounters(to: Counters, from: Readonly<Counters>): void {
  for (const name of counterNames) to[name] += from[name]
}

const kibPerGb = 1e9 / 1_024

export function totalsOf(counters: Readonly<Counters>): UsageTotals {
  const { cpuUs, wallUs, memoryKibMs, sandboxCpuUs, sandboxMemoryKibMs, sandboxMs, ...counts } = counters
  return {
    runs: counts.runs,
    failedRuns: counts.failedRuns,
    cpuMs: cpuUs / 1_000,
    wallMs: wallUs / 1_000,
    memoryGbMs: rounded(memoryKibMs / kibPerGb),
    bytesIn: counts.bytesIn,
    bytesOut: counts.bytesOut,
    subRequests: counts.subRequests,
    bindingCalls: counts.bindingCalls,
    workflowInstances: counts.workflowInstances,
    workflowSteps: counts.workflowSteps,
    sandboxMs,
    sandboxCpuMs: sandboxCpuUs / 1_000,
    sandboxMemoryGbMs: rounded(sandboxMemoryKibMs / kibPerGb),
  }
}

function rounded(value: number): number {
  return Math.round(value * 1e6) / 1e6
}
