import type { DatabaseSync, StatementSync } from "node:sqlite"

export interface ListOptions {
  readonly start?: string
  readonly startAfter?: string
  readonly end?: string
  readonly prefix?: string
  readonly reverse?: boolean
  readonly limit?: number
}

const maxKeyBytes = 2_048
const maxKeys = 128
const maxListBytes = 16 << 20

/** The key-value part of an object's storage. Values are texts of the guest's own, which are not looked at. */
export class KvTable {
  readonly #get: StatementSync
  readonly #put: StatementSync
  readonly #delete: StatementSync
  readonly #database: DatabaseSync

  constructor(database: DatabaseSync) {
    this.#database = database
    this.#get = database.prepare("SELECT value FROM _cf_KV WHERE key = ?")
    this.#put = database.prepare("INSERT OR REPLACE INTO _cf_KV (key, value) VALUES (?, ?)")
    this.#delete = database.prepare("DELETE FROM _cf_KV WHERE key = ?")
  }

  /** The values of `keys`, in order; null for those that are not there. */
  get(keys: unknown): (string | null)[] {
    return parseKeys(keys).map((key) => (this.#get.get(key) as { value: string } | undefined)?.value ?? null)
  }

  put(pairs: unknown): void {
    for (const pair of parseList(pairs)) {
      const [key, value] = Array.isArray(pair) ? (pair as unknown[]) : []
      if (typeof value !== "string") throw new TypeError("a value is missing")
      this.#put.run(parseKey(key), value)
    }
  }

  /** How many of `keys` were there. */
  delete(keys: unknown): number {
    let count = 0
    for (const key of parseKeys(keys)) count += Number(this.#delete.run(key).changes)
    return count
  }

  list(given: unknown): [string, string][] {
    const { conditions, values, order, limit } = listQuery(parseListOptions(given))
    const where = conditions.length === 0 ? "" : `WHERE ${conditions.join(" AND ")}`
    const statement = this.#database.prepare(`SELECT key, value FROM _cf_KV ${where} ORDER BY key ${order} LIMIT ?`)
    const pairs: [string, string][] = []
    let bytes = 0
    for (const row of statement.iterate(...values, limit)) {
      const { key, value } = row as { key: string; value: string }
      bytes += key.length + value.length
      if (bytes > maxListBytes)
        throw new RangeError(`the list is larger than ${maxListBytes} bytes: give a limit and go on with startAfter`)
      pairs.push([key, value])
    }
    return pairs
  }
}

function listQuery({ start, startAfter, end, prefix, reverse, limit }: ListOptions): {
  conditions: string[]
  values: string[]
  order: "ASC" | "DESC"
  limit: number
} {
  const conditions: string[] = []
  const values: string[] = []
  const add = (condition: string, value: string | undefined): void => {
    if (value === undefined) return
    conditions.push(condition)
    values.push(value)
  }
  add("key >= ?", start)
  add("key > ?", startAfter)
  add("key < ?", end)
  add("key >= ?", prefix)
  // The largest code point stands behind every key with the prefix.
  add("key < ?", prefix === undefined ? undefined : `${prefix}\u{10ffff}`)
  return { conditions, values, order: reverse === true ? "DESC" : "ASC", limit: limit ?? -1 }
}

function parseListOptions(given: unknown): ListOptions {
  const options = (typeof given === "object" && given !== null ? given : {}) as Record<string, unknown>
  for (const name of ["start", "startAfter", "end", "prefix"]) {
    const value = options[name]
    if (value !== undefined && typeof value !== "string") throw new TypeError(`list's ${name} must be a string`)
  }
  const { limit, start, startAfter } = options
  if (start !== undefined && startAfter !== undefined)
    throw new TypeError("list can't take start together with startAfter")
  if (limit !== undefined && !(typeof limit === "number" && Number.isInteger(limit) && limit > 0))
    throw new TypeError("list's limit must be a positive whole number")
  return options as ListOptions
}

function parseKeys(keys: unknown): string[] {
  return parseList(keys).map(parseKey)
}

function parseList(list: unknown): unknown[] {
  if (!Array.isArray(list)) throw new TypeError("a list of keys is missing")
  if (list.length > maxKeys) throw new RangeError(`at most ${maxKeys} keys can be given at once`)
  return list as unknown[]
}

function parseKey(key: unknown): string {
  if (typeof key !== "string") throw new TypeError("a key must be a string")
  if (Buffer.byteLength(key) > maxKeyBytes) throw new RangeError(`a key can have at most ${maxKeyBytes} bytes`)
  return key
}
