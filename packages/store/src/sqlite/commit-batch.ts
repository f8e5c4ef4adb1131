import { MayflyError } from "@mayfly/protocol"
import type { Procedure, Procedures, StatementResult } from "../steps.ts"
import type { Database } from "./database.ts"
import type { Operation, Outcome } from "./messages.ts"
import { resultCodeOf, resultCodes } from "./sqlite-code.ts"
import { toWireError } from "./wire-error.ts"

/** The procedures of the owners that are attached. */
export type KnownProcedures = ReadonlyMap<string, Procedures>

/** After these the transaction as a whole can't be trusted, whatever is left of it. */
const batchBreaking: ReadonlySet<number | undefined> = new Set([
  resultCodes.noMemory,
  resultCodes.inputOutput,
  resultCodes.corrupt,
  resultCodes.full,
  resultCodes.notADatabase,
])
/** These may be one operation's fault: it is too large, or left a foreign key open. Then the others go through without it. */
const blameable: ReadonlySet<number | undefined> = new Set([
  resultCodes.full,
  resultCodes.noMemory,
  resultCodes.constraint,
])
/** A full disk refuses all of them; no need to ask it a thousand times. */
const refusalsInARow = 3

/** The transaction is rolled back, nothing of it was written. */
class BrokenBatch extends Error {}

/**
 * All operations as one transaction with one sync; one that fails takes nothing else with it. Most batches have none that fails: savepoints, which make
 * SQLite copy each page before an operation changes it, come with the second try only. Operations may be run more than once. Never throws.
 */
export function commitBatch(database: Database, known: KnownProcedures, operations: readonly Operation[]): Outcome[] {
  try {
    return tryWithoutSavepoints(database, known, operations) ?? tryCommit(database, known, operations)
  } catch (error) {
    const cause = error instanceof BrokenBatch ? error.cause : error
    if (error instanceof BrokenBatch && operations.length > 1 && blameable.has(resultCodeOf(cause))) {
      return commitEachAlone(database, known, operations)
    }
    return operations.map(() => ({ ok: false, error: toWireError(cause) }))
  }
}

function commitEachAlone(database: Database, known: KnownProcedures, operations: readonly Operation[]): Outcome[] {
  const outcomes: Outcome[] = []
  let refusals = 0
  let last: Outcome | undefined
  for (const operation of operations) {
    const outcome = refusals < refusalsInARow || last === undefined ? commitOne(database, known, operation) : last
    refusals = outcome.ok || outcome.error.code !== "store.full" ? 0 : refusals + 1
    last = outcome
    outcomes.push(outcome)
  }
  return outcomes
}

function commitOne(database: Database, known: KnownProcedures, operation: Operation): Outcome {
  const [outcome] = commitBatch(database, known, [operation])
  return outcome ?? { ok: false, error: { code: "store.failed", message: "the operation has no outcome" } }
}

/** Nothing was written when there is no answer: an operation failed. Throws as `tryCommit`. */
function tryWithoutSavepoints(
  database: Database,
  known: KnownProcedures,
  operations: readonly Operation[],
): Outcome[] | undefined {
  let outcomes: Outcome[]
  try {
    database.script("BEGIN IMMEDIATE")
    outcomes = operations.map((operation) => ({ ok: true, value: perform(database, known, operation) }))
  } catch {
    rollBack(database)
    return undefined
  }
  commit(database)
  return outcomes
}

/** Throws BrokenBatch when nothing was written, `store.unknown-outcome` when nobody can know. */
function tryCommit(database: Database, known: KnownProcedures, operations: readonly Operation[]): Outcome[] {
  let outcomes: Outcome[]
  try {
    database.script("BEGIN IMMEDIATE")
    outcomes = operations.map((operation) => inSavepoint(database, known, operation))
  } catch (error) {
    rollBack(database)
    throw error instanceof BrokenBatch ? error : new BrokenBatch("", { cause: error })
  }
  // All failed: nothing to sync.
  if (!outcomes.some(({ ok }) => ok)) {
    rollBack(database)
    return outcomes
  }
  commit(database)
  return outcomes
}

function inSavepoint(database: Database, known: KnownProcedures, operation: Operation): Outcome {
  database.script("SAVEPOINT one")
  try {
    const value = perform(database, known, operation)
    database.script("RELEASE one")
    return { ok: true, value }
  } catch (error) {
    // Some errors make SQLite roll back everything by itself.
    if (!database.isInTransaction || batchBreaking.has(resultCodeOf(error))) throw new BrokenBatch("", { cause: error })
    database.script("ROLLBACK TO one; RELEASE one")
    return { ok: false, error: toWireError(error) }
  }
}

function perform(database: Database, known: KnownProcedures, operation: Operation): unknown {
  if (operation.kind === "statements") return operation.statements.map((statement) => database.execute(statement))
  const procedures = known.get(operation.owner)
  if (procedures === undefined || !Object.hasOwn(procedures, operation.name)) {
    throw new MayflyError("store.failed", `"${operation.owner}" has no procedure "${operation.name}"`)
  }
  const procedure = procedures[operation.name] as (argument: unknown) => ReturnType<Procedure>
  return drive(database, procedure(operation.argument))
}

function drive(database: Database, steps: ReturnType<Procedure>): unknown {
  let answer: StatementResult = { rows: [], changes: 0 }
  for (;;) {
    const step = steps.next(answer)
    if (step.done === true) return step.value
    answer = database.execute(step.value)
  }
}

function commit(database: Database): void {
  try {
    database.script("COMMIT")
  } catch (cause) {
    const code = resultCodeOf(cause)
    // The last frame of a transaction makes it valid. With these codes it was not written, so what came before counts for nothing.
    const isKnown = code === resultCodes.full || code === resultCodes.constraint || code === resultCodes.busy
    if (rollBack(database) && isKnown) throw new BrokenBatch("", { cause })
    database.reopen()
    const why = cause instanceof Error ? cause.message : String(cause)
    throw new MayflyError("store.unknown-outcome", `the commit failed, and may have happened all the same: ${why}`)
  }
}

/** False when that failed too. */
function rollBack(database: Database): boolean {
  try {
    if (database.isInTransaction) database.script("ROLLBACK")
    return true
  } catch {
    return false
  }
}
