import type { InstanceStatus } from "@mayfly/protocol"
import type { ControlOperation } from "../core/control.ts"
import type { JournalRow, PendingEvent } from "../core/journal.ts"
import type { Ack, Change } from "../core/ports.ts"
import type { StepKey } from "../core/step-key.ts"
import type { HookAbout } from "../define/hook-about.ts"
import type { HostFunctions } from "./host-functions.ts"

/** An instance within one store. Ids are unique within a tenant only. */
export type InstanceNumber = number

/** What an instance is made of, stored once under the hash of its text. */
export interface Definition {
  readonly hash: string
  /** Encoded by the front end. */
  readonly body: string
}

export interface Retention {
  readonly successMs: number
  readonly errorMs: number
}

export interface ConcurrencyKey {
  readonly key: string
  readonly limit: number
}

export interface NewInstance {
  readonly tenant: string
  readonly id: string
  readonly definition: Definition
  /** Encoded. */
  readonly params: string
  /** Hash of everything that makes two creates the same. */
  readonly content: string
  /** When it starts. */
  readonly startAt: number
  readonly retention: Retention
  readonly concurrency?: ConcurrencyKey
  /** A schedule that starts instances of this definition: encoded by the front end. */
  readonly schedule?: string
  /** Encoded, for the event that user code gets: which schedule started it, for which moment. */
  readonly trigger?: string
  /** When steps of it are functions of the host's. */
  readonly functions?: HostFunctions
}

/** An instance that can't go on in another process before somebody brings its functions. */
export interface Hosted {
  readonly row: InstanceRow
  readonly origin: string | null
}

export interface InstanceRow {
  readonly number: InstanceNumber
  readonly tenant: string
  readonly id: string
  readonly status: InstanceStatus
  /** Why it waits: sleep, event, retry, child, needs-code, concurrency, schedule. */
  readonly reason: string | null
  readonly definitionHash: string
  readonly params: string
  readonly createdAt: number
  readonly updatedAt: number
  readonly endedAt: number | null
  readonly wakeAt: number | null
  /** When it was, or is, to start; of a schedule, the moment that comes next. */
  readonly startAt: number
  readonly retention: Retention
  readonly run: number
  readonly epoch: number
  /** Encoded output or failure, once it has ended. */
  readonly result: string | null
  readonly rollback: "complete" | "failed" | null
  readonly schedule: string | null
  readonly trigger: string | null
  readonly parent: InstanceNumber | null
}

export interface DueInstance {
  readonly number: InstanceNumber
  readonly tenant: string
  readonly id: string
  readonly definitionHash: string
  readonly wakeAt: number
  /** Activations since the last one that got anywhere. */
  readonly idle: number
  readonly concurrency: ConcurrencyKey | null
}

export interface Claimed {
  readonly instance: InstanceRow
  readonly journal: readonly JournalRow[]
  readonly events: readonly PendingEvent[]
  readonly lastSeq: number
  readonly pausedMs: number
  readonly isTerminating: boolean
  readonly idle: number
}

export interface Created {
  readonly number: InstanceNumber
  /** False when an instance with this id and content was there. */
  readonly isCreated: boolean
}

/** What others must be told of after a commit: a parent whose child has ended, a child that was started. */
export interface CommitAck extends Ack {
  readonly told: { readonly number: InstanceNumber; readonly event: PendingEvent } | null
  readonly started: readonly DueInstance[]
  /** When the instance is due, after it was parked. */
  readonly wakeAt: number | null
}

export interface HistoryRow extends JournalRow {
  readonly run: number
}

export interface ListQuery {
  readonly tenant: string
  readonly status?: InstanceStatus
  readonly limit: number
  /** Goes on behind this instance. */
  readonly after?: InstanceNumber
}

export interface Sent {
  readonly number: InstanceNumber
  readonly isDuplicate: boolean
  /** Null for a duplicate. */
  readonly event: PendingEvent | null
}

export interface Controlled {
  readonly number: InstanceNumber
  readonly from: InstanceStatus
  readonly to: InstanceStatus
  /** Instances that activations under way have lost: this one, its children. */
  readonly fenced: readonly InstanceNumber[]
  readonly told: CommitAck["told"]
}

export interface ControlRequest {
  readonly tenant: string
  readonly id: string
  readonly operation: Exclude<ControlOperation, "send">
  readonly now: number
  /** For `terminate`: what was done is undone first. */
  readonly rollback?: boolean
  /** For `restart`: rows before the first row of this step stay. */
  readonly from?: string
  /** For `terminate`: encoded. */
  readonly failure?: string
  /** For `restart`: as in `create`. */
  readonly maxOpen?: number | null
}

export interface EventIn {
  readonly tenant: string
  readonly id: string
  /** A second event with the same id is a duplicate. */
  readonly eventId: string
  readonly type: string
  readonly payload: string
  readonly now: number
}

export interface ForkRequest {
  readonly tenant: string
  readonly id: string
  readonly instance: NewInstance
  /** Rows before the first row of this step are copied. */
  readonly from: string
  readonly now: number
  /** As in `create`. */
  readonly maxOpen?: number | null
}

export interface RedefineRequest {
  readonly number: InstanceNumber
  readonly definition: Definition
  readonly content: string
  readonly lastSeq: number
  readonly now: number
  readonly functions?: HostFunctions
}

export interface FoundHook {
  readonly tenant: string
  readonly id: string
  readonly type: string
  readonly step: StepKey
  readonly about: HookAbout
  readonly isUsed: boolean
}

export interface OpenHook {
  readonly key: StepKey
  readonly type: string
  readonly token: string
  readonly about: HookAbout
}

export interface DueAnswer {
  readonly due: readonly DueInstance[]
  readonly nextAt: number | null
  /** Where to go on, "" when all tenants were looked at. */
  readonly last: string
}

/**
 * The truth. Every method is one transaction, durable when it resolves. After a rejection nobody knows whether it happened, except where a code says so;
 * callers never repeat a commit, they claim and replay. Implementations pass `workflow-store-suite.ts`.
 */
export interface WorkflowStore {
  /** Rejects with `workflow.exists` when the id is taken by other content, `quota.count` when the tenant has `maxOpen` that have not ended. */
  create(instance: NewInstance, now: number, maxOpen?: number | null): Promise<Created>
  /** Gives the instance to the caller, and takes it from anybody who had it. Null when there is nothing to run. */
  claim(number: InstanceNumber, now: number): Promise<Claimed | null>
  /** Gives back what was claimed, to be run again. Nothing happens when somebody else has it. May be repeated. */
  release(number: InstanceNumber, epoch: number, at: number): Promise<void>
  /** Rejects with `workflow.fenced` when somebody else has claimed the instance since. */
  commit(number: InstanceNumber, epoch: number, change: Change, now: number): Promise<CommitAck>
  /** Rejects with `workflow.not-found`, `workflow.ended`, `workflow.too-many-events`. */
  sendEvent(event: EventIn): Promise<Sent>
  /** What a claim would give, without taking it. Null when there is no such instance. */
  peek(number: InstanceNumber): Promise<Claimed | null>
  /**
   * Gives an instance that has not ended another definition, if nothing was written since its row `seq`; an activation under way has lost it. Gives whether
   * it did.
   */
  redefine(request: RedefineRequest): Promise<boolean>
  /** The instance and event type that a token stands for; used when nobody waits for it any longer. */
  findHook(token: string): Promise<FoundHook | null>
  /** Rejects with `workflow.not-found`, `workflow.ended`, `workflow.no-such-step`. */
  control(request: ControlRequest): Promise<Controlled>
  fork(request: ForkRequest): Promise<Created>
  get(tenant: string, id: string): Promise<InstanceRow | null>
  getDefinition(hash: string): Promise<string | null>
  /** Instances of all tenants by status. Reads them all. */
  countByStatus(): Promise<Readonly<Record<string, number>>>
  list(query: ListQuery): Promise<readonly InstanceRow[]>
  /** Instances of all tenants, or of one, that need functions of the host's and have not ended: the newest first, from behind `after`. */
  listHosted(query: Omit<ListQuery, "status" | "tenant"> & { readonly tenant?: string }): Promise<readonly Hosted[]>
  /** In order, from behind `after`. */
  history(number: InstanceNumber, after: number, limit: number): Promise<readonly HistoryRow[]>
  /** Waiting tokens of an instance, by step. */
  hooks(number: InstanceNumber): Promise<readonly OpenHook[]>
  /** Gives how many were deleted: the instance and all it left. */
  delete(tenant: string, id: string): Promise<number>
  /** What is due, at most `perTenant` of each tenant, and when the next one will be. `after`: the last answer's `last`, or "". */
  due(now: number, perTenant: number, after: string): Promise<DueAnswer>
  /** Takes an instance out of what is due until its code is there, or a place under its key. */
  park(
    number: InstanceNumber,
    reason: "needs-code" | "concurrency" | "suspended",
    now: number,
    wakeAt?: number | null,
  ): Promise<void>
  /** Makes those due again that were held because of their tenant. Gives how many. */
  goOn(tenant: string, now: number): Promise<number>
  /** Makes an instance due again when it waits for its code; null when it does not. */
  codeCame(number: InstanceNumber, now: number): Promise<DueInstance | null>
  /** The same for all that wait for code, as classes are everybody's: those that still lack theirs wait again. Gives how many. */
  allCodeCame(now: number): Promise<number>
  /** Makes the first `count` due again that wait for a place under this key. */
  placeFree(tenant: string, key: string, count: number, now: number): Promise<number>
  /** At the start of the only process: what was in memory is due again. Gives how many. */
  recover(now: number): Promise<number>
  /** Deletes some instances whose retention is over; gives how many. */
  purge(now: number, limit: number): Promise<number>
}
