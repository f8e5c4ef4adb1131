import type { DueInstance, InstanceNumber } from "../store/workflow-store.ts"

/** What came of a turn of an instance's. */
export interface Dispatched {
  /** When it is due again, if that is known. */
  readonly wakeAt: number | null
}

/** Who runs which instance, and when. Knows nothing of steps. Runs an instance once at a time. */
export interface Dispatcher {
  /** Begins to call `run` for what is due. */
  start(run: (instance: DueInstance) => Promise<Dispatched>): void
  /** An instance that is due now: a hint, which spares looking. */
  offer(instance: DueInstance): void
  /** Something is due at that time: a hint too. Without hints everything is found within a second. */
  wakeAt(at: number): void
  /** Whether the instance is in memory, or about to be. */
  isActive(number: InstanceNumber): boolean
  readonly active: number
  /** Takes nothing new and waits for what runs. */
  stop(): Promise<void>
}
