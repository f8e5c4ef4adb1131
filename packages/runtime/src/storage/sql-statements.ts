import type { DatabaseSync, SQLInputValue, StatementSync } from "node:sqlite"
import type { SqlGuard } from "./sql-guard.ts"

export interface SqlResult {
  readonly columns: readonly string[]
  readonly rows: readonly unknown[][]
  /** Names the rest of the rows; 0 when there are no more. */
  readonly cursor: number
  /** Rows that were inserted, changed or deleted. */
  readonly written: number
}

interface Prepared {
  readonly statement: StatementSync
  readonly columns: readonly string[]
  readonly isWrite: boolean
  readonly isSchemaChange: boolean
  /** The rest of the text behind this statement. */
  readonly tail: string
}

type RowIterator = Iterator<unknown[], undefined>

const maxCached = 64
const maxCursors = 32
/** One answer holds this many rows or about this many bytes; the rest comes when it is asked for. */
const maxBatchRows = 1_000
const maxBatchBytes = 1 << 20
/** Rows of a statement that writes can't wait: it must end before its transaction can. */
const maxReturnedBytes = 16 << 20

/** A guest's SQL: several statements in one text, prepared ones kept, results in batches. */
export class SqlStatements {
  readonly #database: DatabaseSync
  readonly #guard: SqlGuard
  readonly #onWrite: () => void
  readonly #cache = new Map<string, Prepared>()
  readonly #cursors = new Map<number, RowIterator>()
  #nextCursor = 0

  /** `onWrite` is called before a statement that changes something. */
  constructor(database: DatabaseSync, guard: SqlGuard, onWrite: () => void) {
    this.#database = database
    this.#guard = guard
    this.#onWrite = onWrite
  }

  /** Runs all statements of `text`; bindings belong to the last one, as do the rows. */
  execute(text: unknown, bindings: readonly unknown[]): SqlResult {
    if (typeof text !== "string" || !text.isWellFormed() || text.includes("\0"))
      throw new TypeError("sql.exec takes the text of a query, without NUL characters")
    const values = bindings.map(toInput)
    const before = this.#totalChanges()
    let rest = text
    for (;;) {
      const prepared = this.#prepare(rest)
      if (isBlank(prepared.tail)) {
        const result = this.#run(prepared, values, rest)
        return { ...result, written: this.#totalChanges() - before }
      }
      this.#run(prepared, [], rest)
      rest = prepared.tail
    }
  }

  #prepare(text: string): Prepared {
    const known = this.#cache.get(text)
    if (known !== undefined) {
      this.#cache.delete(text)
      return known
    }
    this.#guard.sawWrite = false
    this.#guard.sawSchemaChange = false
    const statement = this.#asGuest(() => this.#database.prepare(text))
    statement.setReturnArrays(true)
    statement.setReadBigInts(true)
    const columns = statement.columns().map(({ name }) => name)
    // SQLite keeps the text of the first statement only.
    const { sawWrite: isWrite, sawSchemaChange: isSchemaChange } = this.#guard
    return { statement, columns, isWrite, isSchemaChange, tail: text.slice(statement.sourceSQL.length) }
  }

  #run(prepared: Prepared, values: readonly SQLInputValue[], text: string): Omit<SqlResult, "written"> {
    const { statement, columns, isWrite, isSchemaChange } = prepared
    if (isWrite) this.#onWrite()
    if (columns.length === 0) {
      this.#asGuest(() => statement.run(...values))
      // Other statements know columns that may be gone.
      if (isSchemaChange) this.#cache.clear()
      else this.#keep(text, prepared)
      return { columns, rows: [], cursor: 0 }
    }
    const iterator = this.#asGuest(() => statement.iterate(...values)) as unknown as RowIterator
    const { rows, isDone } = this.#batch(iterator, isWrite)
    if (isDone) this.#keep(text, prepared)
    return { columns, rows, cursor: isDone ? 0 : this.#park(iterator) }
  }

  /** The next rows of a cursor. */
  more(cursor: unknown): { readonly rows: readonly unknown[][]; readonly isDone: boolean } {
    const iterator = this.#cursors.get(cursor as number)
    if (iterator === undefined)
      throw new Error(
        "SQL cursor was closed: too many were open, its transaction was rolled back, or the object was reset",
      )
    const batch = this.#batch(iterator, false)
    if (batch.isDone) this.#cursors.delete(cursor as number)
    return batch
  }

  /** Ends all cursors and forgets statements: a rollback, a deletion or a reset takes away what they read and know. */
  closeCursors(): void {
    this.#cache.clear()
    for (const iterator of this.#cursors.values()) iterator.return?.()
    this.#cursors.clear()
  }

  #batch(iterator: RowIterator, isWrite: boolean): { rows: unknown[][]; isDone: boolean } {
    const rows: unknown[][] = []
    let bytes = 0
    for (;;) {
      const next = this.#asGuest(() => iterator.next())
      if (next.done === true) return { rows, isDone: true }
      const row = next.value.map(fromOutput)
      rows.push(row)
      bytes += sizeOf(row)
      if (isWrite && bytes > maxReturnedBytes) {
        iterator.return?.()
        throw new RangeError(`the statement returns more than ${maxReturnedBytes} bytes; return fewer rows or columns`)
      }
      if (!isWrite && (rows.length >= maxBatchRows || bytes >= maxBatchBytes)) return { rows, isDone: false }
    }
  }

  #park(iterator: RowIterator): number {
    const [oldest] = this.#cursors
    if (this.#cursors.size >= maxCursors && oldest !== undefined) {
      oldest[1].return?.()
      this.#cursors.delete(oldest[0])
    }
    const cursor = ++this.#nextCursor
    this.#cursors.set(cursor, iterator)
    return cursor
  }

  #keep(text: string, prepared: Prepared): void {
    if (text.length > 10_000) return
    this.#cache.set(text, prepared)
    const [oldest] = this.#cache.keys()
    if (this.#cache.size > maxCached && oldest !== undefined) this.#cache.delete(oldest)
  }

  #asGuest<T>(act: () => T): T {
    this.#guard.isGuest = true
    try {
      return act()
    } finally {
      this.#guard.isGuest = false
    }
  }

  #changes: StatementSync | undefined

  #totalChanges(): number {
    this.#changes ??= this.#database.prepare("SELECT total_changes() AS n")
    return Number((this.#changes.get() as { n: number }).n)
  }
}

function toInput(value: unknown): SQLInputValue {
  if (value === null || value === undefined) return null
  if (typeof value === "number" || typeof value === "string") return value
  if (typeof value === "boolean") return value ? 1 : 0
  if (typeof value === "bigint" && BigInt.asIntN(64, value) === value) return value
  if (value instanceof ArrayBuffer) return new Uint8Array(value)
  if (ArrayBuffer.isView(value)) return new Uint8Array(value.buffer, value.byteOffset, value.byteLength)
  throw new TypeError("a binding must be null, a number, a string, a boolean or bytes")
}

/** Cloudflare gives numbers and ArrayBuffers. */
function fromOutput(value: unknown): unknown {
  if (typeof value === "bigint") return Number(value)
  if (!(value instanceof Uint8Array)) return value
  return value.buffer.slice(value.byteOffset, value.byteOffset + value.byteLength)
}

function sizeOf(row: readonly unknown[]): number {
  let size = 16
  for (const value of row)
    size += typeof value === "string" ? value.length : value instanceof ArrayBuffer ? value.byteLength : 8
  return size
}

/** Whether nothing but space, comments and semicolons is left. */
function isBlank(tail: string): boolean {
  for (let at = 0; at < tail.length;) {
    if (/[\s;]/.test(tail[at] ?? "")) at++
    else if (tail.startsWith("--", at)) at = endOf(tail, "\n", at)
    else if (tail.startsWith("/*", at)) at = endOf(tail, "*/", at + 2)
    else return false
  }
  return true
}

function endOf(text: string, mark: string, from: number): number {
  const found = text.indexOf(mark, from)
  return found === -1 ? text.length : found + mark.length
}
