/** Counters as callers see them. */
export interface UsageTotals {
  readonly runs: number
  readonly failedRuns: number
  readonly cpuMs: number
  readonly wallMs: number
  /** Memory held times the time that it was held. */
  readonly memoryGbMs: number
  readonly bytesIn: number
  readonly bytesOut: number
  readonly subRequests: number
  readonly bindingCalls: number
  readonly workflowInstances: number
  readonly workflowSteps: number
  /** Time that sandboxes were awake. */
  readonly sandboxMs: number
  readonly sandboxCpuMs: number
  readonly sandboxMemoryGbMs: number
}

export type UsageGroup = "tenant" | "worker" | "day"

export interface UsageQuery {
  /** Default: all. */
  readonly tenant?: string
  /** First and last UTC day, `2026-11-23`. Default: the current month to today. */
  readonly from?: string
  readonly to?: string
  /** Default ["tenant"]. */
  readonly by?: readonly UsageGroup[]
  /** Of the page before. */
  readonly cursor?: string
  /** Rows of a page. Default 100, at most 10,000. */
  readonly limit?: number
}

export type UsageRow = UsageTotals & {
  readonly tenant?: string
  /** A name, or a content hash; "" for what is no worker's. */
  readonly worker?: string
  readonly day?: string
}

export interface UsageReport {
  readonly from: string
  readonly to: string
  readonly rows: readonly UsageRow[]
  /** Of all rows, on whichever page. */
  readonly total: UsageTotals
  /** For the next page; null behind the last one. */
  readonly cursor: string | null
}
