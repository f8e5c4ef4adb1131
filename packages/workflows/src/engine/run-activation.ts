import { randomBytes } from "node:crypto"
import { Activation } from "../core/activation.ts"
import type { Clock } from "../core/clock.ts"
import { isCompletion, type PendingEvent } from "../core/journal.ts"
import type { Ack, Change, Ports, Program } from "../core/ports.ts"
import { encodeEventValue } from "../define/event-value.ts"
import { engineFailure } from "../define/codec.ts"
import type { Spawn } from "../store/stored.ts"
import type { Claimed, CommitAck, WorkflowStore } from "../store/workflow-store.ts"

export interface ActivationWorld {
  readonly store: WorkflowStore
  readonly clock: Clock
  readonly maxParallel: number
  readonly maxSteps: number
  readonly maxStored: number
  /** Only to see whether the code goes the journal's way. */
  readonly isRehearsal?: boolean
  /** After each commit: parents and children to be told of, and how many steps have ended with it. */
  onCommit(ack: CommitAck, endedSteps: number): void
}

/** How user code is run: the program, and how to know that it has done all it can. */
export interface Running {
  readonly program: Program
  turn(): Promise<boolean>
  readonly tracksNesting: boolean
  readonly patienceMs: number
  dispose(): void
}

/** Joins an activation to the store. */
export function prepareActivation(claimed: Claimed, running: Running, world: ActivationWorld): Activation {
  const { instance, journal, events, lastSeq, pausedMs, isTerminating } = claimed
  const { maxParallel, maxSteps, maxStored, clock, isRehearsal = false } = world
  const ports: Ports = {
    clock,
    turn: () => running.turn(),
    patienceMs: running.patienceMs,
    commit: (change) => commit(claimed, change, world),
    encodeFailure: engineFailure,
    encodeEvent: (event: PendingEvent) => encodeEventValue(event),
    token: () => randomBytes(32).toString("base64url"),
  }
  const { tenant, id, run } = instance
  return new Activation(
    {
      // Unique over tenants and runs: outside systems see it as part of idempotency keys.
      id: `${tenant}/${id}/${run}`,
      journal,
      events,
      lastSeq,
      pausedMs,
      isTerminating,
      maxSteps,
      maxStored,
      maxParallel,
      isRehearsal,
      tracksNesting: running.tracksNesting,
    },
    ports,
  )
}

async function commit(
  { instance }: Claimed,
  change: Change,
  { store, clock, onCommit }: ActivationWorld,
): Promise<Ack> {
  // What the front end gave as a child's start is the rest of what the store needs.
  const spawn = change.spawn?.map(({ key, start }) => ({ key, ...(start as Omit<Spawn, "key">) }))
  const stored = spawn === undefined ? change : { ...change, spawn }
  const ack = await store.commit(instance.number, instance.epoch, stored, clock.now())
  onCommit(ack, change.rows.filter(isCompletion).length)
  return ack
}

let turn: Promise<boolean> | undefined

/** In-process code has done all it can when the microtasks of this turn have run: one promise for all that wait for it. */
export function nextTurn(): Promise<boolean> {
  return (turn ??= new Promise((resolve) => {
    setImmediate(() => {
      turn = undefined
      resolve(true)
    })
  }))
}
