import type { StorageCall } from "./storage-call.ts"

export type SqlValue = string | number | ArrayBuffer | null
export type SqlRow = Record<string, SqlValue>

interface Result {
  readonly columns: readonly string[]
  readonly rows: readonly SqlValue[][]
  readonly cursor: number
  readonly written: number
}

interface Batch {
  readonly rows: readonly SqlValue[][]
  readonly isDone: boolean
}

/** The rows of a statement, read once, as Cloudflare's SqlStorageCursor. Rows that do not fit into one answer are fetched when they are reached. */
export class SqlStorageCursor implements IterableIterator<SqlRow> {
  readonly columnNames: string[]
  /** Rows that were inserted, changed or deleted. */
  readonly rowsWritten: number
  readonly #call: StorageCall
  #rows: readonly SqlValue[][]
  #at = 0
  #cursor: number
  #rowsRead: number

  constructor(call: StorageCall, result: unknown) {
    const { columns, rows, cursor, written } = result as Result
    this.columnNames = [...columns]
    this.rowsWritten = written
    this.#call = call
    this.#rows = rows
    this.#cursor = cursor
    this.#rowsRead = rows.length
  }

  /** Rows that were fetched so far. What SQLite had to read for them is not known. */
  get rowsRead(): number {
    return this.#rowsRead
  }

  next(): IteratorResult<SqlRow, undefined> {
    const values = this.#take()
    return values === undefined ? { done: true, value: undefined } : { done: false, value: this.#row(values) }
  }

  toArray(): SqlRow[] {
    return [...this]
  }

  /** The only row. Throws when there is none, or more. */
  one(): SqlRow {
    const first = this.next()
    if (first.done === true) throw new Error("Expected exactly one result from SQL query, but got no results.")
    if (this.next().done !== true)
      throw new Error("Expected exactly one result from SQL query, but got multiple results.")
    return first.value
  }

  /** The rows as arrays; they count as read here, too. */
  raw(): IterableIterator<SqlValue[]> & { toArray(): SqlValue[][] } {
    const take = (): SqlValue[] | undefined => this.#take()
    const iterator = {
      next(): IteratorResult<SqlValue[], undefined> {
        const value = take()
        return value === undefined ? { done: true, value: undefined } : { done: false, value }
      },
      toArray: (): SqlValue[][] => [...iterator],
      [Symbol.iterator]: () => iterator,
    }
    return iterator
  }

  [Symbol.iterator](): this {
    return this
  }

  #take(): SqlValue[] | undefined {
    if (this.#at === this.#rows.length && this.#cursor !== 0) this.#fetch()
    return this.#rows[this.#at++]
  }

  #fetch(): void {
    const { rows, isDone } = this.#call("more", [this.#cursor]) as Batch
    this.#rows = rows
    this.#at = 0
    this.#rowsRead += rows.length
    if (isDone) this.#cursor = 0
  }

  #row(values: readonly SqlValue[]): SqlRow {
    return Object.fromEntries(this.columnNames.map((name, index) => [name, values[index] ?? null]))
  }
}
