import type { Clock } from "./clock.ts"
import type { JournalRow, NewRow, PendingEvent } from "./journal.ts"
import type { Place } from "./sequencer.ts"
import type { Settled, StepHost } from "./step-host.ts"
import type { StepKey } from "./step-key.ts"

/** How an instance ends. `rollback` is there when compensations ran, or should have. */
export type Finish =
  | { readonly status: "complete"; readonly value: string }
  | { readonly status: "errored"; readonly failure: string; readonly rollback?: "complete" | "failed" }
  | { readonly status: "terminated"; readonly failure: string; readonly rollback: "complete" | "failed" }

/** Why a parked instance waits. */
export type WaitReason = "sleep" | "event" | "retry" | "child" | "paused" | "schedule"

export interface Change {
  readonly rows: readonly NewRow[]
  /** Events that these rows take. */
  readonly consume?: readonly { readonly eventSeq: number; readonly key: StepKey }[]
  /** Instances that these rows start. */
  readonly spawn?: readonly { readonly key: StepKey; readonly start: unknown }[]
  readonly then?:
    | {
        readonly park: {
          readonly wakeAt: number | null
          readonly reason: WaitReason
          /** The newest event that the activation knows: with a newer one the instance is due at once. */
          readonly seenEvent: number
        }
      }
    | { readonly finish: Finish }
}

export interface Ack extends Place {
  /** Somebody asked for a pause meanwhile. */
  readonly isPausing: boolean
}

/** What a replay reports about itself. */
export type EngineFailure =
  | "timeout"
  | "event-timeout"
  | "interrupted"
  | "nondeterminism"
  | "step-limit"
  | "storage-limit"
  | "unsettled"
  | "terminated"

/** What an activation needs from outside. */
export interface Ports {
  readonly clock: Clock
  /**
   * Resolves when user code has done all it can do with what it was given last: its microtasks have run, its calls have arrived. True when it has nothing
   * of its own under way either, such as a timer or a request outside of a step.
   */
  turn(): Promise<boolean>
  /** How long code must have been quiet before it is said to be stuck or to have gone astray. Default 0: `turn` misses nothing. */
  readonly patienceMs?: number
  /** Writes all of it or nothing, durably. After a rejection nobody knows which: the activation is given up, and never tries the same commit again. */
  commit(change: Change): Promise<Ack>
  encodeFailure(kind: EngineFailure, message: string): string
  encodeEvent(event: PendingEvent): string
  /** A new unguessable token for a waiting step. */
  token(): string
}

/** What the store knows when an activation begins. */
export interface ActivationStart {
  readonly id: string
  /** This run's rows, in order. */
  readonly journal: readonly JournalRow[]
  readonly events: readonly PendingEvent[]
  /** The last row that an activation of this instance has committed, in any run. */
  readonly lastSeq: number
  /** How long the instance has been paused in all. */
  readonly pausedMs: number
  /** Whether it is to be undone and ended. */
  readonly isTerminating: boolean
  readonly maxSteps: number
  /** Characters of all values in the journal. */
  readonly maxStored: number
  /** Attempts that run at once. */
  readonly maxParallel: number
  /** Whether only to see that the code goes the journal's way: it ends as parked where something new would begin, and writes nothing. */
  readonly isRehearsal?: boolean
  /** Whether steps may be asked for inside of steps without saying so: guests have only one `step`. */
  readonly tracksNesting?: boolean
}

/** User code: asks the host for steps; must not throw. */
export type Program = (host: StepHost) => Promise<Settled>

export type ActivationEnd =
  | { readonly kind: "finished"; readonly finish: Finish }
  | { readonly kind: "parked"; readonly wakeAt: number | null }
  | { readonly kind: "abandoned"; readonly cause: unknown }
