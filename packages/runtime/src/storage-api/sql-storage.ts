import { SqlStorageCursor } from "./sql-cursor.ts"
import type { StorageCall } from "./storage-call.ts"

/** `ctx.storage.sql`: an object's own SQLite database. Its statements take effect at once, and for good when the turn of the event loop is over. */
export class SqlStorage {
  readonly #call: StorageCall

  constructor(call: StorageCall) {
    this.#call = call
  }

  /** Runs one statement or several; bindings are the last one's, and so are the rows. */
  exec(query: string, ...bindings: unknown[]): SqlStorageCursor {
    return new SqlStorageCursor(this.#call, this.#call("sql", [query, ...bindings]))
  }

  /** Bytes of the database. */
  get databaseSize(): number {
    return this.#call("size", []) as number
  }

  get Cursor(): typeof SqlStorageCursor {
    return SqlStorageCursor
  }
}
