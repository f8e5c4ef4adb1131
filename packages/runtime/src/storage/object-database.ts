import { rmSync } from "node:fs"
import { DatabaseSync } from "node:sqlite"
import { KvTable } from "./kv-table.ts"
import { SqlGuard } from "./sql-guard.ts"
import { SqlStatements } from "./sql-statements.ts"

/** Another process has it open. */
const busyMs = 5_000
const pageSize = 4_096
const maxRetries = 6
const firstRetryMs = 2_000

/** Most bytes of a value, a row or a result's cell. */
export const maxValueBytes = 4 << 20

const limits = {
  length: maxValueBytes,
  sqlLength: 100_000,
  exprDepth: 200,
  compoundSelect: 100,
  vdbeOp: 100_000,
  functionArg: 100,
  attach: 0,
  likePatternLength: 1_000,
  variableNumber: 1_000,
  triggerDepth: 20,
}

/** The transaction was lost, and with it writes that the guest believes done: the object has to start over. */
export class LostTransactionError extends Error {}

interface Open {
  readonly database: DatabaseSync
  readonly guard: SqlGuard
  readonly sql: SqlStatements
  readonly kv: KvTable
}

/**
 * One object's storage. The first write of a turn begins a transaction; `commit` ends it when the turn is over, so that what a guest writes
 * without waiting is written whole or not at all. What an asynchronous transaction of the guest's spans is not committed before it ends.
 */
export class ObjectDatabase {
  readonly #file: string
  readonly #maxBytes: number
  #open: Open
  #alarm: number | null = null
  /** The handler is running, and nobody has set another alarm meanwhile. */
  #isAlarmRunning = false
  #savepoints = 0
  /** Savepoints of an asynchronous transaction, which outlives turns. */
  #longSavepoints = 0

  constructor(file: string, maxBytes: number) {
    this.#file = file
    this.#maxBytes = maxBytes
    this.#open = openFile(file, maxBytes, () => this.#begin())
    this.#alarm = this.#readAlarm()
  }

  /** Whether a commit has something to do. */
  get isDirty(): boolean {
    return this.#open.database.isTransaction && this.#longSavepoints === 0
  }

  /** Whether a crash would lose something. */
  get isInTransaction(): boolean {
    return this.#open.database.isTransaction
  }

  /** When the alarm is due that stands in the database, committed or not. */
  get alarm(): number | null {
    return this.#alarm
  }

  /** Performs a guest's operation. Throws what the guest gets to see, or LostTransactionError. */
  perform(op: unknown, args: readonly unknown[]): unknown {
    const wasInTransaction = this.#open.database.isTransaction
    try {
      return this.#perform(op, args)
    } catch (error) {
      // Some errors make SQLite roll back everything: a full disk, ON CONFLICT ROLLBACK.
      if (wasInTransaction && !this.#open.database.isTransaction)
        throw new LostTransactionError(`the transaction was rolled back: ${(error as Error).message}`)
      throw error
    }
  }

  #perform(op: unknown, args: readonly unknown[]): unknown {
    const { sql, kv } = this.#open
    switch (op) {
      case "sql":
        return sql.execute(args[0], args.slice(1))
      case "more":
        return sql.more(args[0])
      case "size":
        return this.#size()
      case "get":
        return kv.get(args[0])
      case "put":
        this.#begin()
        return kv.put(args[0])
      case "delete":
        this.#begin()
        return kv.delete(args[0])
      case "list":
        return kv.list(args[0])
      case "savepoint":
        return this.#savepoint(args[0] === true)
      case "release":
        return this.#endSavepoint("RELEASE", args[0] === true)
      case "rollback":
        return this.#endSavepoint("ROLLBACK TO", args[0] === true)
      case "alarm":
        return this.#isAlarmRunning ? null : this.#alarm
      case "set-alarm":
        return this.#setAlarm(args[0])
      case "begin-alarm":
        return this.#beginAlarm()
      case "end-alarm":
        return this.#endAlarm(args[0] === true)
      case "delete-all":
        return this.#deleteAll()
      default:
        throw new TypeError("there is no such storage operation")
    }
  }

  #begin(): void {
    const { database } = this.#open
    if (!database.isTransaction) database.exec("BEGIN IMMEDIATE")
  }

  commit(): void {
    if (this.isDirty) this.#open.database.exec("COMMIT")
  }

  /** Takes back what was not committed: the guest that wrote it is gone. */
  reset(): void {
    const { database, sql } = this.#open
    sql.closeCursors()
    this.#savepoints = 0
    this.#longSavepoints = 0
    this.#isAlarmRunning = false
    if (database.isTransaction) database.exec("ROLLBACK")
    this.#alarm = this.#readAlarm()
  }

  close(): void {
    this.#open.sql.closeCursors()
    if (this.#open.database.isTransaction) this.#open.database.exec("ROLLBACK")
    this.#open.database.close()
  }

  #size(): number {
    const { database } = this.#open
    const read = (name: string): number => Number(Object.values(database.prepare(`PRAGMA ${name}`).get() ?? {})[0])
    return (read("page_count") - read("freelist_count")) * read("page_size")
  }

  #savepoint(isLong: boolean): number {
    if (this.#savepoints >= 20) throw new RangeError("transactions are nested too deeply")
    this.#begin()
    this.#open.database.exec(`SAVEPOINT _cf_${this.#savepoints}`)
    if (isLong) this.#longSavepoints++
    return this.#savepoints++
  }

  #endSavepoint(how: "RELEASE" | "ROLLBACK TO", isLong: boolean): void {
    if (this.#savepoints === 0) throw new Error("there is no transaction")
    this.#savepoints--
    if (isLong) this.#longSavepoints = Math.max(0, this.#longSavepoints - 1)
    const { database, sql } = this.#open
    const name = `_cf_${this.#savepoints}`
    if (how === "ROLLBACK TO") {
      sql.closeCursors()
      database.exec(`ROLLBACK TO ${name}`)
      this.#alarm = this.#readAlarm()
    }
    database.exec(`RELEASE ${name}`)
  }

  #setAlarm(time: unknown): void {
    if (time !== null && !(typeof time === "number" && Number.isFinite(time)))
      throw new TypeError("setAlarm takes a Date or milliseconds since 1970")
    this.#begin()
    this.#isAlarmRunning = false
    this.#writeAlarm(time, 0)
  }

  #writeAlarm(time: number | null, retries: number): void {
    const { database } = this.#open
    database.prepare("DELETE FROM _cf_METADATA WHERE key IN ('alarm', 'retries')").run()
    if (time !== null) {
      const insert = database.prepare("INSERT INTO _cf_METADATA (key, value) VALUES (?, ?)")
      insert.run("alarm", time)
      insert.run("retries", retries)
    }
    this.#alarm = time
  }

  #readAlarm(): number | null {
    return this.#readMetadata("alarm")
  }

  #readMetadata(key: string): number | null {
    const row = this.#open.database.prepare("SELECT value FROM _cf_METADATA WHERE key = ?").get(key)
    return row === undefined ? null : Number(row["value"])
  }

  /** The handler is about to be called: how often that was tried before, or null when nothing is due. */
  #beginAlarm(): number | null {
    if (this.#alarm === null || this.#alarm > Date.now()) return null
    this.#isAlarmRunning = true
    return this.#readMetadata("retries") ?? 0
  }

  /** The handler is over. One that failed is tried again, later each time, and given up in the end. */
  #endAlarm(isDone: boolean): void {
    // It has set another one, or deleted it.
    if (!this.#isAlarmRunning) return
    this.#isAlarmRunning = false
    this.#begin()
    if (isDone) this.#writeAlarm(null, 0)
    else this.#postponeAlarm()
  }

  #postponeAlarm(): void {
    const retries = this.#readMetadata("retries") ?? 0
    if (retries >= maxRetries) this.#writeAlarm(null, 0)
    else this.#writeAlarm(Date.now() + firstRetryMs * 2 ** retries, retries + 1)
  }

  /** The handler's instance is gone, and with it the transaction: what it began counts as a failure. */
  failAlarm(): void {
    this.#begin()
    if (this.#alarm !== null && this.#alarm <= Date.now()) this.#postponeAlarm()
    this.commit()
  }

  /** Not a part of any transaction, as at Cloudflare. Nothing is left of it in the file. */
  #deleteAll(): void {
    if (this.#savepoints > 0) throw new Error("deleteAll can't be called within a transaction")
    this.close()
    removeFiles(this.#file)
    this.#open = openFile(this.#file, this.#maxBytes, () => this.#begin())
    this.#alarm = null
    this.#isAlarmRunning = false
  }
}

function openFile(file: string, maxBytes: number, onWrite: () => void): Open {
  const options = { timeout: busyMs, allowExtension: false, defensive: true, limits }
  const database = new DatabaseSync(file, options)
  const guard = new SqlGuard()
  guard.install(database)
  // Exclusive: no second process, and no shared memory file. Full: an answer means that the disk has it.
  database.exec(`PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA temp_store = MEMORY;
    PRAGMA trusted_schema = OFF; PRAGMA journal_size_limit = 4194304; PRAGMA max_page_count = ${Math.ceil(maxBytes / pageSize)};
    BEGIN IMMEDIATE;
    CREATE TABLE IF NOT EXISTS _cf_KV (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS _cf_METADATA (key TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
    COMMIT`)
  guard.isOff = false
  return { database, guard, sql: new SqlStatements(database, guard, onWrite), kv: new KvTable(database) }
}

function removeFiles(file: string): void {
  // The database first: without it SQLite throws a write-ahead log away.
  for (const path of [file, `${file}-wal`, `${file}-shm`, `${file}-journal`]) rmSync(path, { force: true })
}
