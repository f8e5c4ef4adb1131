import { randomBytes } from "node:crypto"
import { type KeyInfo, keyScopes, MayflyError, type Scope } from "@mayfly/protocol"
import type { Statement, Store, StoreOwner, Tables } from "@mayfly/store"
import { createKey, hashKey } from "./api-key.ts"
import { KnownKey } from "./known-key.ts"

export interface NewKey {
  readonly name: string
  readonly scopes: readonly Scope[]
  /** Null: of all tenants. */
  readonly tenant: string | null
  readonly expiresAt: number | null
  /** The id of the key that made it. */
  readonly createdBy: string
}

const owner: StoreOwner = {
  name: "keys",
  migrations: [
    `CREATE TABLE keys_keys (
      id TEXT PRIMARY KEY, hash TEXT NOT NULL UNIQUE, name TEXT NOT NULL, tenant TEXT, scopes TEXT NOT NULL, created_by TEXT NOT NULL,
      created_at BIGINT NOT NULL, expires_at BIGINT, revoked_at BIGINT, last_used_at BIGINT
    )`,
  ],
}

interface KeyRow {
  readonly id: string
  readonly hash: string
  readonly name: string
  readonly tenant: string | null
  readonly scopes: string
  readonly created_by: string
  readonly created_at: number
  readonly expires_at: number | null
  readonly revoked_at: number | null
  readonly last_used_at: number | null
}

const maxKeys = 10_000
/** One tenant's admin leaves room for the others. */
const maxKeysOfTenant = 1_000
/** How long a key that counts no more is listed. */
const keepMs = 30 * 86_400_000
const flushMs = 5_000

/** The keys in the store. They are few and asked for with every request: all are held in memory, by hash. Whoever makes it closes it. */
export class Keys {
  readonly #store: () => Promise<Store>
  readonly #byHash = new Map<string, KnownKey>()
  readonly #used = new Set<KnownKey>()
  #opening: Promise<Tables> | undefined
  #flush: NodeJS.Timeout | undefined

  readonly #bounds: { readonly maxKeys: number; readonly maxKeysOfTenant: number }

  constructor(store: () => Promise<Store>, bounds = { maxKeys, maxKeysOfTenant }) {
    this.#store = store
    this.#bounds = bounds
  }

  /** The key with this hash, if there is one; it may have ended. */
  async find(hash: string): Promise<KnownKey | undefined> {
    await this.#open()
    return this.#byHash.get(hash)
  }

  /** Notes that it was used; written later, many at once. */
  use(key: KnownKey): void {
    key.lastUsedAt = Date.now()
    this.#used.add(key)
    this.#flush ??= setTimeout(() => void this.#writeUses(), flushMs).unref()
  }

  /** The key itself is in this answer and nowhere else. Rejects with `auth.too-many-keys`. */
  async create(given: NewKey): Promise<{ readonly key: string; readonly info: KeyInfo }> {
    const tables = await this.#open()
    const key = createKey()
    const hash = hashKey(key)
    const info: KeyInfo = {
      ...given,
      id: `key_${randomBytes(10).toString("hex")}`,
      createdAt: Date.now(),
      revokedAt: null,
      lastUsedAt: null,
    }
    const forgotten = this.#makeRoom(given.tenant)
    // Counted before it is written: of many that are made at once none may be too many.
    this.#byHash.set(hash, new KnownKey(info))
    try {
      await tables.write([...forgotten, insertOf(hash, info)])
    } catch (error) {
      this.#byHash.delete(hash)
      throw error
    }
    return { key, info }
  }

  /** Forgets the oldest keys that count no more, where a new one would be too many. Gives what is to be written. Throws `auth.too-many-keys`. */
  #makeRoom(tenant: string | null): Statement[] {
    const all = [...this.#byHash]
    const ofTenant = tenant === null ? [] : all.filter(([, { info }]) => info.tenant === tenant)
    const bounds = [
      { keys: ofTenant, most: this.#bounds.maxKeysOfTenant, whose: ` of tenant "${tenant}"` },
      { keys: all, most: this.#bounds.maxKeys, whose: "" },
    ]
    const gone = new Set<string>()
    for (const { keys, most, whose } of bounds) {
      if (keys.filter(([hash]) => !gone.has(hash)).length < most) continue
      const ended = keys.find(([hash, key]) => !gone.has(hash) && key.problem(Date.now()) !== undefined)
      if (ended === undefined)
        throw new MayflyError("auth.too-many-keys", `there are ${most} keys${whose} already`, {
          details: { limit: most },
        })
      gone.add(ended[0])
    }
    for (const hash of gone) this.#byHash.delete(hash)
    return [...gone].map((hash) => ({ sql: "DELETE FROM keys_keys WHERE hash = ?", parameters: [hash] }))
  }

  /** Those of one tenant, or all. */
  async list(tenant: string | undefined): Promise<readonly KeyInfo[]> {
    await this.#open()
    const all = [...this.#byHash.values()].map((key) => key.info)
    return tenant === undefined ? all : all.filter((info) => info.tenant === tenant)
  }

  /** From this call on it counts no more, and what it holds open ends. False when there is no such key, of this tenant when one is named. */
  async revoke(id: string, tenant: string | undefined): Promise<boolean> {
    const tables = await this.#open()
    const key = [...this.#byHash.values()].find(
      ({ info }) => info.id === id && (tenant === undefined || info.tenant === tenant),
    )
    if (key === undefined || key.info.revokedAt !== null) return false
    const at = Date.now()
    // Before it is written: should that fail, the key stays refused here, and the caller is told.
    key.revoke(at)
    await tables.write([{ sql: "UPDATE keys_keys SET revoked_at = ? WHERE id = ?", parameters: [at, id] }])
    return true
  }

  /** Writes what is left to write. Calling twice is safe. */
  async close(): Promise<void> {
    await this.#writeUses()
    for (const key of this.#byHash.values()) key.release()
  }

  #open(): Promise<Tables> {
    this.#opening ??= this.#load().catch((error: unknown) => {
      // Asked again, it tries again.
      this.#opening = undefined
      throw error
    })
    return this.#opening
  }

  async #load(): Promise<Tables> {
    const tables = await (await this.#store()).attach(owner)
    const before = Date.now() - keepMs
    const sql = "DELETE FROM keys_keys WHERE revoked_at < ? OR expires_at < ?"
    await tables.write([{ sql, parameters: [before, before] }])
    const rows = await tables.read<KeyRow>("SELECT * FROM keys_keys", [], { maxRows: maxKeys })
    for (const row of rows) this.#byHash.set(row.hash, new KnownKey(infoOf(row)))
    return tables
  }

  async #writeUses(): Promise<void> {
    clearTimeout(this.#flush)
    this.#flush = undefined
    if (this.#used.size === 0) return
    const statements = [...this.#used].map(({ info, lastUsedAt }): Statement => ({
      sql: "UPDATE keys_keys SET last_used_at = ? WHERE id = ?",
      parameters: [lastUsedAt, info.id],
    }))
    this.#used.clear()
    // It is worth a line in a list and no failed request: the next use is written again.
    await this.#open()
      .then((tables) => tables.write(statements))
      .catch(() => {})
  }
}

function insertOf(hash: string, info: KeyInfo): Statement {
  const { id, name, tenant, scopes, createdBy, createdAt, expiresAt } = info
  return {
    sql: `INSERT INTO keys_keys (id, hash, name, tenant, scopes, created_by, created_at, expires_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?)`,
    parameters: [id, hash, name, tenant, scopes.join(" "), createdBy, createdAt, expiresAt],
  }
}

function infoOf(row: KeyRow): KeyInfo {
  const scopes = row.scopes.split(" ")
  return {
    id: row.id,
    name: row.name,
    tenant: row.tenant,
    // What a later version may have written counts for nothing here.
    scopes: keyScopes.filter((scope) => scopes.includes(scope)),
    createdBy: row.created_by,
    createdAt: row.created_at,
    expiresAt: row.expires_at,
    revokedAt: row.revoked_at,
    lastUsedAt: row.last_used_at,
  }
}
