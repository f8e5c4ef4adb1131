import type { Store } from "@mayfly/store"
import type { Clock } from "../core/clock.ts"
import type { StepSandbox } from "../run/step-context.ts"
import type { StepRunner } from "../run/step-runner.ts"
import type { WorkflowGovernor } from "./governor.ts"

export interface EngineOptions {
  /** Stays the caller's. */
  readonly store: Store
  /** Runs guest code. Without one only host closures run. */
  readonly runner?: StepRunner
  /** Opens a sandbox for a host closure. Without it there are none. */
  readonly sandbox?: (tenant: string, id: string, options?: object) => Promise<StepSandbox>
  /** Says what tenants may do. Without one they may do anything. */
  readonly governor?: WorkflowGovernor
  readonly clock?: Clock
  /** Instances in memory at once, of one tenant at most three quarters of that. Default 2,000. */
  readonly maxActive?: number
  /** Attempts of one instance at once. Default 100. */
  readonly maxParallel?: number
  /** Steps of one instance. Default 10,000. */
  readonly maxSteps?: number
  /** All results of one instance; they are in memory while it runs. Default 256 MiB. */
  readonly maxStoredBytes?: number
  /** Told of what goes wrong behind the scenes; the engine goes on by itself. Default: nobody. */
  readonly onError?: (error: unknown) => void
}
