import type { Blobs } from "./blobs/blobs.ts"
import type { Procedures, SqlRow, SqlValue, Statement, StatementResult, Steps } from "./steps.ts"

/** Rows and blobs that survive a crash. Whoever opens it closes it. Implementations pass `store-suite.ts`. */
export interface Store extends AsyncDisposable {
  /** Content-addressed files beside the rows. */
  readonly blobs: Blobs
  /**
   * Brings an owner's tables up to date and gives access to them. Calling twice with the same owner is safe. Rejects with `store.newer` when a
   * later version of the program has been here, `store.migration-changed` when a migration that was applied is not the one given.
   */
  attach<Known extends Procedures = Record<never, never>>(owner: StoreOwner): Promise<Tables<Known>>
  /** Looks through the whole database; gives what is wrong with it, at most 100 lines, none when all is well. Takes long. */
  check(): Promise<readonly string[]>
  /** Waits for what was asked for, then closes. What is asked for later is `store.closed`. Calling twice is safe. */
  close(): Promise<void>
}

/** A part of Mayfly that keeps rows. */
export interface StoreOwner {
  /** Lower-case letters. All its tables and indexes start with it and an underscore. */
  readonly name: string
  /** SQL scripts, each applied once, in order. One that was released never changes; new ones go to the end. */
  readonly migrations: readonly string[]
  /** A module with an export `procedures`, see `moduleBeside`. It is loaded where the database is, which may be another thread. */
  readonly procedures?: string
}

export interface Tables<Known extends Procedures = Record<never, never>> {
  /** A query on a connection of its own: sees all that was committed before, and holds nobody up. */
  read<Row = SqlRow>(sql: string, parameters?: readonly SqlValue[], options?: ReadOptions): Promise<readonly Row[]>
  /**
   * The statements as one transaction. Resolves when it is on disk. Rejects when nothing of it is, with one exception: `store.unknown-outcome`.
   * Never call again after that one without reading first. `store.queue-full` when too much waits already.
   */
  write(statements: readonly Statement[]): Promise<readonly StatementResult[]>
  /** A procedure of the owner's as one transaction, under the same terms. The argument and the result are copied (structured clone). */
  call<Name extends keyof Known & string>(name: Name, argument: ArgumentOf<Known[Name]>): Promise<ResultOf<Known[Name]>>
}

export interface ReadOptions {
  /** More rows than this are `store.too-many-rows`. Default 10,000. */
  readonly maxRows?: number
}

export type ArgumentOf<P extends Procedures[string]> = Parameters<P>[0]
export type ResultOf<P extends Procedures[string]> = ReturnType<P> extends Steps<infer Result> ? Result : never
