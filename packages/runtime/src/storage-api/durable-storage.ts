import { SqlStorage } from "./sql-storage.ts"
import type { StorageCall, StorageCodec } from "./storage-call.ts"
import { type KvListOptions, SyncKvStorage } from "./sync-kv.ts"

/** What storage needs of the object around it. */
export interface StorageHost {
  /** Whether the object's class has a handler for alarms. */
  readonly canAlarm: boolean
  /** Runs `act` while no other call is delivered to the object, one such act at a time. */
  exclusively<T>(act: () => Promise<T>): Promise<T>
  /** Resolves when what was written until now is on disk. */
  committed(): Promise<void>
}

/** The methods that an object's storage and a transaction share. They act at once; promises are for code that was written for them. */
class AsyncKv {
  readonly #call: StorageCall
  protected readonly values: SyncKvStorage

  readonly #canAlarm: boolean

  constructor(call: StorageCall, codec: StorageCodec, canAlarm: boolean) {
    this.#call = call
    this.values = new SyncKvStorage(call, codec)
    this.#canAlarm = canAlarm
  }

  /** One key gives its value or undefined, a list gives a Map of those that are there. */
  async get(keys: string | readonly string[], _options?: object): Promise<unknown> {
    return typeof keys === "string" ? this.values.get(keys) : this.values.getAll(keys)
  }

  async put(key: string | Readonly<Record<string, unknown>>, value?: unknown, _options?: object): Promise<void> {
    if (typeof key === "string") this.values.put(key, value)
    else this.values.putAll(Object.entries(key))
  }

  /** One key gives whether it was there, a list how many of them were. */
  async delete(keys: string | readonly string[], _options?: object): Promise<boolean | number> {
    return typeof keys === "string" ? this.values.delete(keys) : this.values.deleteAll(keys)
  }

  async list(options?: KvListOptions): Promise<Map<string, unknown>> {
    return new Map(this.values.list(options))
  }

  async getAlarm(_options?: object): Promise<number | null> {
    return this.#call("alarm", []) as number | null
  }

  /** One alarm per object: a later call replaces it. Milliseconds since 1970, or a Date. */
  async setAlarm(time: number | Date, _options?: object): Promise<void> {
    if (!this.#canAlarm)
      throw new Error("Your Durable Object class must have an alarm() handler in order to call setAlarm()")
    const at = typeof time === "number" ? time : time.getTime()
    this.#call("set-alarm", [at])
  }

  async deleteAlarm(_options?: object): Promise<void> {
    this.#call("set-alarm", [null])
  }
}

/** What `transaction` gives its callback. */
export class DurableObjectTransaction extends AsyncKv {
  isRolledBack = false

  /** Takes back everything when the callback is over. */
  rollback(): void {
    this.isRolledBack = true
  }
}

/** `ctx.storage` of a Durable Object: SQL, values by key, one alarm, transactions. */
export class DurableObjectStorage extends AsyncKv {
  readonly sql: SqlStorage
  readonly kv: SyncKvStorage
  readonly #call: StorageCall
  readonly #codec: StorageCodec
  readonly #host: StorageHost

  constructor(call: StorageCall, codec: StorageCodec, host: StorageHost) {
    super(call, codec, host.canAlarm)
    this.#call = call
    this.#codec = codec
    this.#host = host
    this.sql = new SqlStorage(call)
    this.kv = this.values
  }

  /** Deletes tables, values and the alarm. */
  async deleteAll(_options?: object): Promise<void> {
    this.#call("delete-all", [])
  }

  /** All of what `act` writes, or nothing when it throws. */
  transactionSync<T>(act: () => T): T {
    this.#call("savepoint", [])
    let result: T
    try {
      result = act()
    } catch (error) {
      this.#call("rollback", [])
      throw error
    }
    this.#call("release", [])
    return result
  }

  /** The same over several turns of the event loop; no other call is delivered meanwhile. */
  transaction<T>(act: (transaction: DurableObjectTransaction) => T | Promise<T>): Promise<T> {
    return this.#host.exclusively(async () => {
      const transaction = new DurableObjectTransaction(this.#call, this.#codec, this.#host.canAlarm)
      this.#call("savepoint", [true])
      let isDone = false
      try {
        const result = await act(transaction)
        isDone = !transaction.isRolledBack
        return result
      } finally {
        this.#call(isDone ? "release" : "rollback", [true])
      }
    })
  }

  /** Resolves when what was written until now is on disk. */
  async sync(): Promise<void> {
    await this.#host.committed()
  }
}
