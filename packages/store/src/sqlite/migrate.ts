import { createHash } from "node:crypto"
import { MayflyError } from "@mayfly/protocol"
import type { StoreOwner } from "../store.ts"
import type { Database } from "./database.ts"

/** The layout of the store's own table. */
const format = 1

interface Applied {
  readonly version: number
  readonly hash: string
}

/** Makes the store's own tables. Throws `store.newer` for a file of a later version. */
export function prepareStore(database: Database): void {
  checkFormat(database)
  database.script("BEGIN IMMEDIATE")
  try {
    database.script(`CREATE TABLE IF NOT EXISTS store_migrations (
      owner TEXT NOT NULL, version INTEGER NOT NULL, hash TEXT NOT NULL, applied_at INTEGER NOT NULL, PRIMARY KEY (owner, version)
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS store_blobs (
      hash TEXT NOT NULL, owner TEXT NOT NULL, name TEXT NOT NULL, PRIMARY KEY (hash, owner, name)
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX IF NOT EXISTS store_blobs_name ON store_blobs (owner, name);
    PRAGMA user_version=${format}`)
    database.script("COMMIT")
  } catch (error) {
    if (database.isInTransaction) database.script("ROLLBACK")
    throw error
  }
}

function checkFormat(database: Database): void {
  const found = Number(database.execute({ sql: "PRAGMA user_version", parameters: [] }).rows[0]?.["user_version"] ?? 0)
  if (found > format) throw newer(`the database has format ${found}; this version of Mayfly knows ${format}`)
}

/** Applies what is missing, all or nothing. */
export function migrate(database: Database, owner: StoreOwner): void {
  checkName(owner.name)
  database.script("BEGIN IMMEDIATE")
  try {
    const count = checkApplied(database, owner)
    const before = namesOf(database)
    owner.migrations.slice(count).forEach((sql, index) => apply(database, owner.name, { sql, version: count + index }))
    checkNames(owner.name, before, namesOf(database))
    database.script("COMMIT")
  } catch (error) {
    if (database.isInTransaction) database.script("ROLLBACK")
    throw error
  }
}

/** For those who may not write: the tables must be exactly those that the program knows. Throws as `migrate` does, `store.not-found` when there are none, `store.read-only` when some are missing. */
export function checkMigrated(database: Database, owner: StoreOwner): void {
  checkName(owner.name)
  checkFormat(database)
  const count = namesOf(database).has("store_migrations") ? checkApplied(database, owner) : 0
  if (count === owner.migrations.length) return
  if (count === 0) throw new MayflyError("store.not-found", `nothing of "${owner.name}" is stored yet`)
  throw new MayflyError(
    "store.read-only",
    `the tables of "${owner.name}" are not up to date, and the store is open for reading only`,
  )
}

function checkName(name: string): void {
  if (/^[a-z]{2,30}$/.test(name) && name !== "store" && name !== "sqlite") return
  throw new MayflyError("store.failed", `"${name}" can't be the name of an owner`)
}

/** Gives how many of the owner's migrations are there. */
function checkApplied(database: Database, { name, migrations }: StoreOwner): number {
  const sql = "SELECT version, hash FROM store_migrations WHERE owner = ? ORDER BY version"
  const applied = database.execute({ sql, parameters: [name] }).rows as unknown as Applied[]
  if (applied.length > migrations.length) {
    const known = `this version of Mayfly knows ${migrations.length}`
    throw newer(`the tables of "${name}" have had ${applied.length} migrations; ${known}`)
  }
  for (const [index, { version, hash }] of applied.entries()) {
    if (version === index && hash === hashOf(migrations[index] ?? "")) continue
    throw new MayflyError("store.migration-changed", `migration ${index} of "${name}" is not the one that was applied`)
  }
  return applied.length
}

function apply(database: Database, owner: string, { sql, version }: { sql: string; version: number }): void {
  database.script(sql)
  const insert = "INSERT INTO store_migrations (owner, version, hash, applied_at) VALUES (?, ?, ?, ?)"
  database.execute({ sql: insert, parameters: [owner, version, hashOf(sql), Date.now()] })
}

function namesOf(database: Database): Set<string> {
  const { rows } = database.execute({ sql: "SELECT name FROM sqlite_schema", parameters: [] })
  return new Set(rows.map(({ name }) => String(name)))
}

/** Owners that can't take each other's names can't break each other. */
function checkNames(owner: string, before: ReadonlySet<string>, after: ReadonlySet<string>): void {
  for (const name of after) {
    if (before.has(name) || name.startsWith(`${owner}_`) || name.startsWith("sqlite_autoindex_")) continue
    throw new MayflyError(
      "store.failed",
      `"${name}" is not a name for a table of "${owner}": it must start with "${owner}_"`,
    )
  }
}

function newer(message: string): MayflyError {
  return new MayflyError("store.newer", message)
}

function hashOf(text: string): string {
  return createHash("sha256").update(text).digest("hex")
}
