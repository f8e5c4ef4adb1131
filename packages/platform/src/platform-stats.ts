import type { PoolStats } from "@mayfly/runtime"

/** How much there is of everything now. */
export interface PlatformStats {
  readonly pool: PoolStats
  /** Sandboxes that run. */
  readonly sandboxes: number
  /** Reads all instances. Undefined when workflows were not asked for since the start. */
  workflows(): Promise<WorkflowStats | undefined>
}

export interface WorkflowStats {
  /** Instances in memory. */
  readonly active: number
  /** Instances that are kept, by status. */
  readonly byStatus: Readonly<Record<string, number>>
}
