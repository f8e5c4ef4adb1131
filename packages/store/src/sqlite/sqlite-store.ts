import { MayflyError } from "@mayfly/protocol"
import type { Blobs } from "../blobs/blobs.ts"
import type { Procedures, SqlValue } from "../steps.ts"
import type { Store, StoreOwner, Tables } from "../store.ts"
import type { Request, ThreadOptions } from "./messages.ts"
import { type LinkBounds, ThreadLink } from "./thread-link.ts"

const defaultMaxRows = 10_000

export interface SqliteStoreOptions {
  readonly thread: ThreadOptions
  readonly bounds: LinkBounds
  readonly blobs: Blobs
}

/** One file, one thread that writes and, once somebody reads, one that reads. In memory one thread does both. */
export class SqliteStore implements Store {
  readonly blobs: Blobs
  readonly #options: SqliteStoreOptions
  #writer: ThreadLink | undefined
  #reader: ThreadLink | undefined
  #closed: Promise<void> | undefined

  constructor(options: SqliteStoreOptions) {
    this.#options = options
    this.blobs = options.blobs
  }

  async attach<Known extends Procedures = Record<never, never>>(owner: StoreOwner): Promise<Tables<Known>> {
    const { isReadOnly } = this.#options.thread
    await this.#ask(isReadOnly ? "reader" : "writer", { kind: "attach", owner })
    const tables: Tables<Procedures> = {
      read: async <Row>(sql: string, parameters: readonly SqlValue[] = [], { maxRows = defaultMaxRows } = {}) =>
        (await this.#ask("reader", { kind: "read", sql, parameters, maxRows })) as readonly Row[],
      write: (statements) => this.#write({ kind: "statements", statements }) as Promise<never>,
      call: (name, argument) => this.#write({ kind: "procedure", owner: owner.name, name, argument }) as Promise<never>,
    }
    return tables as unknown as Tables<Known>
  }

  async check(): Promise<readonly string[]> {
    return (await this.#ask("reader", { kind: "check" })) as readonly string[]
  }

  close(): Promise<void> {
    return (this.#closed ??= this.#close())
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  async #close(): Promise<void> {
    // The reader first: the last connection to go is the one that may tidy up the file.
    await this.#reader?.close()
    await this.#writer?.close()
  }

  #write(request: Request): Promise<unknown> {
    if (!this.#options.thread.isReadOnly) return this.#ask("writer", request)
    return Promise.reject(new MayflyError("store.read-only", "the store is open for reading only"))
  }

  #ask(role: "reader" | "writer", request: Request): Promise<unknown> {
    if (this.#closed !== undefined) return Promise.reject(new MayflyError("store.closed", "the store is closed"))
    return this.#link(role).ask(request)
  }

  #link(role: "reader" | "writer"): ThreadLink {
    const { thread, bounds } = this.#options
    // A database in memory belongs to one connection.
    if (role === "writer" || thread.path === ":memory:") return (this.#writer ??= new ThreadLink(thread, bounds))
    return (this.#reader ??= new ThreadLink({ ...thread, isReadOnly: true, maxBytes: undefined }, bounds))
  }
}
