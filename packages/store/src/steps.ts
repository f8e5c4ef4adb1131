/** What a column holds. Truth values are 0 and 1. */
export type SqlValue = null | string | number | bigint | Uint8Array

/**
 * One statement, with a `?` for each parameter. SQL that both SQLite and Postgres understand; what only one of them knows belongs behind the
 * owner's own interface.
 */
export interface Statement {
  readonly sql: string
  readonly parameters: readonly SqlValue[]
}

export type SqlRow = Readonly<Record<string, SqlValue>>

export interface StatementResult {
  /** What the statement returned; empty for one that returns nothing. */
  readonly rows: readonly SqlRow[]
  /** How many rows it changed. */
  readonly changes: number
}

/**
 * A procedure under way: it yields statements and is given their results. So the same code runs where the database answers at once, in the
 * thread that holds it, and where it is a network away.
 */
export type Steps<Result> = Generator<Statement, Result, StatementResult>

/**
 * Read, decide and write as one transaction. It keeps no state, does nothing but yield statements, and may be run more than once. What it throws
 * undoes its own transaction and no other; a MayflyError reaches the caller as it is. A statement that fails ends it: it can't catch that.
 */
export type Procedure = (argument: never) => Steps<unknown>

export type Procedures = Readonly<Record<string, Procedure>>

/** Changes rows; gives how many. */
export function* run(sql: string, ...parameters: readonly SqlValue[]): Steps<number> {
  return (yield { sql, parameters }).changes
}

/** All rows of a query. The caller vouches for their shape. */
export function* all<Row = SqlRow>(sql: string, ...parameters: readonly SqlValue[]): Steps<readonly Row[]> {
  return (yield { sql, parameters }).rows as readonly Row[]
}

/** The first row of a query, if there is one. */
export function* first<Row = SqlRow>(sql: string, ...parameters: readonly SqlValue[]): Steps<Row | undefined> {
  return (yield { sql, parameters }).rows[0] as Row | undefined
}
