import type { Limits } from "./limits.ts"
import type { UsageTotals } from "./usage.ts"

/** What a tenant may have and do at once. What is missing, or null, is not limited. */
export interface TenantQuota {
  /** Runs under way at once; more wait for their turn. */
  readonly concurrentRuns?: number | null
  /** Runs that may wait for their turn; one more is `quota.concurrency`. Default 1,000. */
  readonly queuedRuns?: number
  /** Runs that may begin per second, on average. */
  readonly runsPerSecond?: number | null
  /** Runs that may begin at once, when nothing began for a while. Default: those of one second. */
  readonly burst?: number
  /** The highest limits that a run may ask for. A limit that is named here can't be lifted with null. */
  readonly limits?: Partial<Limits>
  /** Sandboxes that exist. */
  readonly sandboxes?: number | null
  /** Workflow instances that have not ended. */
  readonly workflows?: number | null
  /** Named workers. Default 1,000. */
  readonly workers?: number | null
}

/** Amounts that add up over a period. */
export interface Amounts {
  readonly runs?: number
  readonly cpuMs?: number
  readonly memoryGbMs?: number
  /** In and out together. */
  readonly bytes?: number
  readonly subRequests?: number
  readonly workflowSteps?: number
  readonly sandboxMs?: number
}

export interface PeriodBudget {
  /** Reaching one is told, and stops nothing. */
  readonly soft?: Amounts
  /** Reaching one ends what is under way, and refuses what is new until the period is over. */
  readonly hard?: Amounts
}

/** Per UTC day and calendar month. */
export interface TenantBudget {
  readonly day?: PeriodBudget
  readonly month?: PeriodBudget
}

export interface Suspension {
  /** Epoch milliseconds. */
  readonly at: number
  readonly reason: string
}

export interface TenantInfo {
  readonly id: string
  /** Its own, or the platform's default. */
  readonly quota: TenantQuota
  readonly budget: TenantBudget
  readonly suspended: Suspension | null
  readonly used: { readonly day: UsageTotals; readonly month: UsageTotals }
  readonly running: number
  readonly waiting: number
}

export interface TenantChanges {
  readonly quota?: TenantQuota
  readonly budget?: TenantBudget
}
