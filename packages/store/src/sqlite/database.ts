import { DatabaseSync, type StatementSync } from "node:sqlite"
import { MayflyError } from "@mayfly/protocol"
import type { SqlRow, SqlValue, Statement, StatementResult } from "../steps.ts"
import type { ThreadOptions } from "./messages.ts"

const pageBytes = 4_096
const maxPrepared = 500

interface Prepared {
  readonly statement: StatementSync
  readonly returnsRows: boolean
}

/** One connection, with its prepared statements. */
export class Database {
  readonly #options: ThreadOptions
  #connection: DatabaseSync
  /** Least lately used first. */
  #prepared = new Map<string, Prepared>()

  /** Throws an error of SQLite's. */
  constructor(options: ThreadOptions) {
    this.#options = options
    this.#connection = open(options)
  }

  get isInTransaction(): boolean {
    return this.#connection.isTransaction
  }

  /** A script, without parameters and results. */
  script(sql: string): void {
    this.#connection.exec(sql)
  }

  execute({ sql, parameters }: Statement): StatementResult {
    const { statement, returnsRows } = this.#prepare(sql)
    if (!returnsRows) return { rows: [], changes: Number(statement.run(...parameters).changes) }
    const rows = statement.all(...parameters) as SqlRow[]
    return { rows, changes: rows.length }
  }

  /** Stops at the row too many, so that a wide query can't fill the memory. Throws `store.too-many-rows`. */
  read(sql: string, parameters: readonly SqlValue[], maxRows: number): readonly SqlRow[] {
    const rows: SqlRow[] = []
    for (const row of this.#prepare(sql).statement.iterate(...parameters)) {
      if (rows.length === maxRows) {
        throw new MayflyError("store.too-many-rows", `the query has more than ${maxRows} rows`, {
          details: { maxRows },
        })
      }
      rows.push(row as SqlRow)
    }
    return rows
  }

  /** After a failed sync nobody knows what a connection's pages are; a new one reads what is really there. */
  reopen(): void {
    this.close()
    this.#connection = open(this.#options)
  }

  /** Closing twice is safe. */
  close(): void {
    this.#prepared.clear()
    if (this.#connection.isOpen) this.#connection.close()
  }

  #prepare(sql: string): Prepared {
    const known = this.#prepared.get(sql)
    // Moved to the end, or made anew.
    this.#prepared.delete(sql)
    const prepared = known ?? prepare(this.#connection, sql)
    this.#prepared.set(sql, prepared)
    if (this.#prepared.size > maxPrepared)
      for (const oldest of this.#prepared.keys()) return this.#forget(oldest, prepared)
    return prepared
  }

  #forget(oldest: string, prepared: Prepared): Prepared {
    this.#prepared.delete(oldest)
    return prepared
  }
}

function prepare(connection: DatabaseSync, sql: string): Prepared {
  const statement = connection.prepare(sql)
  return { statement, returnsRows: statement.columns().length > 0 }
}

function open({ path, isReadOnly, maxBytes, busyMs }: ThreadOptions): DatabaseSync {
  const connection = new DatabaseSync(path, { readOnly: isReadOnly, timeout: busyMs })
  try {
    // Double quotes are names: a typing error must not become a string. Rows of the schema are not trusted with functions.
    connection.exec("PRAGMA trusted_schema=OFF; PRAGMA temp_store=MEMORY; PRAGMA cell_size_check=ON")
    if (isReadOnly) connection.exec("PRAGMA query_only=ON")
    else
      connection.exec(
        "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA wal_autocheckpoint=4000; PRAGMA journal_size_limit=67108864",
      )
    if (maxBytes !== undefined)
      connection.exec(`PRAGMA max_page_count=${Math.max(1, Math.floor(maxBytes / pageBytes))}`)
    return connection
  } catch (error) {
    connection.close()
    throw error
  }
}
