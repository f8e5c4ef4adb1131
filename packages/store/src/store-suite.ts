import assert from "node:assert/strict"
import { test } from "node:test"
import { MayflyError } from "@mayfly/protocol"
import type * as accounts from "./accounts.fixture.ts"
import { accountsOwner } from "./accounts-owner.fixture.ts"
import { keepBlob, releaseBlobs } from "./blobs/blobs.ts"
import type { Store, Tables } from "./store.ts"

/** Opens an empty store, or one of the earlier ones again by the same name. */
export type OpenNamed = (name: string) => Promise<Store>

type Accounts = Tables<typeof accounts.procedures>

interface Account {
  readonly name: string
  readonly amount: number
}

/** What every store does. `isLasting`: whether what was closed may be opened again. */
export function storeSuite(kind: string, open: OpenNamed, { isLasting }: { isLasting: boolean }): void {
  const attached = async (store: Store): Promise<Accounts> => store.attach<typeof accounts.procedures>(accountsOwner)
  const list = (tables: Accounts): Promise<readonly Account[]> =>
    tables.read<Account>("SELECT name, amount FROM accounts_accounts ORDER BY name")
  const insert = (name: string, amount: number) => ({
    sql: "INSERT INTO accounts_accounts (name, amount) VALUES (?, ?)",
    parameters: [name, amount],
  })

  test(`${kind} write commits all statements or none`, async () => {
    await using store = await open("write")
    const tables = await attached(store)
    const results = await tables.write([insert("a", 1), insert("b", 2)])
    assert.deepEqual(results, [
      { rows: [], changes: 1 },
      { rows: [], changes: 1 },
    ])
    await assert.rejects(tables.write([insert("c", 3), insert("a", 4)]), coded("store.constraint"))
    assert.deepEqual(await list(tables), [
      { name: "a", amount: 1 },
      { name: "b", amount: 2 },
    ])
  })

  test(`${kind} write gives what a statement returns`, async () => {
    await using store = await open("returning")
    const tables = await attached(store)
    const { sql, parameters } = insert("a", 1)
    const [result] = await tables.write([{ sql: `${sql} RETURNING name`, parameters }])
    assert.deepEqual(result, { rows: [{ name: "a" }], changes: 1 })
  })

  test(`${kind} one bad transaction fails alone among those that are committed together`, async () => {
    await using store = await open("neighbours")
    const tables = await attached(store)
    const writes = Array.from({ length: 300 }, (_, n) => tables.write([insert(`n${n % 3 === 0 ? 0 : n}`, n)]))
    const outcomes = await Promise.allSettled(writes)
    const wanted = outcomes.map((_, n) => (n % 3 === 0 && n > 0 ? "rejected" : "fulfilled"))
    assert.deepEqual(
      outcomes.map(({ status }) => status),
      wanted,
    )
    const [count] = await tables.read("SELECT count(*) AS n FROM accounts_accounts")
    assert.equal(count?.["n"], 201)
  })

  test(`${kind} procedures read and write as one, under any concurrency`, async () => {
    await using store = await open("procedures")
    const tables = await attached(store)
    await tables.write([insert("a", 1_000), insert("b", 0)])
    const moves = await Promise.all(
      Array.from({ length: 1_200 }, () => tables.call("move", { from: "a", to: "b", amount: 1 })),
    )
    assert.equal(moves.filter((moved) => moved).length, 1_000)
    assert.deepEqual(await list(tables), [
      { name: "a", amount: 0 },
      { name: "b", amount: 1_000 },
    ])
  })

  test(`${kind} a procedure that throws writes nothing, and its coded error arrives as it is`, async () => {
    await using store = await open("throwing")
    const tables = await attached(store)
    await assert.rejects(tables.call("fail", { after: insert("a", 1), coded: true }), (error) => {
      assert.ok(error instanceof MayflyError)
      const { code, message, retry, details } = error
      assert.deepEqual(
        { code, message, retry, details },
        { code: "input.invalid", message: "as asked", retry: true, details: { path: "x" } },
      )
      return true
    })
    await assert.rejects(tables.call("fail", { after: insert("a", 1), coded: false }), coded("store.failed"))
    assert.deepEqual(await list(tables), [])
  })

  test(`${kind} keeps every kind of value`, async () => {
    await using store = await open("values")
    const tables = await store.attach({
      name: "values",
      migrations: ["CREATE TABLE values_all (n INTEGER PRIMARY KEY, v ANY) STRICT"],
    })
    const values = [
      null,
      "",
      "é\u{1f600}\"'",
      0,
      -1,
      1.5,
      Number.MAX_SAFE_INTEGER,
      new Uint8Array([0, 255]),
      new Uint8Array(),
    ]
    await tables.write(
      values.map((v, n) => ({ sql: "INSERT INTO values_all (n, v) VALUES (?, ?)", parameters: [n, v] })),
    )
    const rows = await tables.read<{ v: unknown }>("SELECT v FROM values_all ORDER BY n")
    assert.deepEqual(
      rows.map(({ v }) => v),
      values,
    )
  })

  test(`${kind} read refuses what would be too much, and what is no query`, async () => {
    await using store = await open("reads")
    const tables = await attached(store)
    await tables.write(Array.from({ length: 30 }, (_, n) => insert(String(n), n)))
    const all = "SELECT name FROM accounts_accounts"
    await assert.rejects(tables.read(all, [], { maxRows: 29 }), coded("store.too-many-rows"))
    assert.equal((await tables.read(all, [], { maxRows: 30 })).length, 30)
    await assert.rejects(tables.read("SELECT nothing FROM nowhere"), coded("store.failed"))
  })

  test(`${kind} attach refuses names that are not the owner's`, async () => {
    await using store = await open("names")
    await attached(store)
    const thief = { name: "thief", migrations: ["CREATE TABLE accounts_more (n INTEGER)"] }
    await assert.rejects(store.attach(thief), coded("store.failed"))
    await store.attach({ name: "thief", migrations: ["CREATE TABLE thief_more (n INTEGER)"] })
  })

  test(`${kind} attach refuses changed migrations and a newer database, and leaves all as it was`, async () => {
    await using store = await open("migrations")
    const [one, two] = ["CREATE TABLE parts_a (n INTEGER)", "CREATE TABLE parts_b (n INTEGER)"]
    await store.attach({ name: "parts", migrations: [one] })
    const tables = await store.attach({ name: "parts", migrations: [one, two] })
    await tables.write([{ sql: "INSERT INTO parts_b VALUES (1)", parameters: [] }])
    await assert.rejects(store.attach({ name: "parts", migrations: [one] }), coded("store.newer"))
    await assert.rejects(store.attach({ name: "parts", migrations: [two, one] }), coded("store.migration-changed"))
    const broken = "CREATE TABLE parts_c (n INTEGER); nonsense"
    await assert.rejects(store.attach({ name: "parts", migrations: [one, two, broken] }), coded("store.failed"))
    const again = await store.attach({ name: "parts", migrations: [one, two, "CREATE TABLE parts_c (n INTEGER)"] })
    assert.equal((await again.read("SELECT n FROM parts_b")).length, 1)
  })

  test(`${kind} close waits for what was asked for and refuses what comes later`, async () => {
    const store = await open("close")
    const tables = await attached(store)
    const writes = Array.from({ length: 50 }, (_, n) => tables.write([insert(String(n), n)]))
    await Promise.all([store.close(), store.close()])
    assert.equal((await Promise.all(writes)).length, 50)
    await assert.rejects(tables.write([insert("late", 1)]), coded("store.closed"))
    await assert.rejects(tables.read("SELECT 1"), coded("store.closed"))
    if (!isLasting) return
    await using reopened = await open("close")
    assert.equal((await list(await attached(reopened))).length, 50)
  })

  test(`${kind} check finds nothing wrong with a sound store`, async () => {
    await using store = await open("check")
    await attached(store)
    assert.deepEqual(await store.check(), [])
  })

  test(`${kind} blobs are found under the hash of their bytes`, async () => {
    await using store = await open("blobs")
    const bytes = new TextEncoder().encode("hello")
    const hash = await store.blobs.put(bytes)
    assert.equal(hash, "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824")
    assert.equal(await store.blobs.put(pieces(["he", "llo"])), hash)
    assert.deepEqual(new Uint8Array((await store.blobs.get(hash)) ?? []), bytes)
    const streamed: Uint8Array[] = []
    for await (const piece of (await store.blobs.stream(hash)) ?? []) streamed.push(piece)
    assert.equal(Buffer.concat(streamed).toString(), "hello")
    assert.equal(await store.blobs.get("0".repeat(64)), null)
    assert.equal(await store.blobs.stream("0".repeat(64)), null)
    assert.equal(
      await store.blobs.put(new Uint8Array()),
      "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    )
  })

  test(`${kind} collect deletes blobs that no row keeps, and no young ones`, async () => {
    await using store = await open("collect")
    const tables = await attached(store)
    const [kept, loose] = [await store.blobs.put(Buffer.from("kept")), await store.blobs.put(Buffer.from("loose"))]
    await tables.write([keepBlob("accounts", "row 1", kept), keepBlob("accounts", "row 1", kept)])
    assert.equal(await store.blobs.collect(), 0)
    assert.equal(await store.blobs.collect({ graceMs: -1_000 }), 1)
    assert.equal(await store.blobs.get(loose), null)
    assert.notEqual(await store.blobs.get(kept), null)
    await tables.write([releaseBlobs("accounts", "row 1")])
    assert.equal(await store.blobs.collect({ graceMs: -1_000 }), 1)
    assert.equal(await store.blobs.get(kept), null)
  })
}

export function coded(code: string): (error: unknown) => boolean {
  return (error) => {
    assert.ok(error instanceof MayflyError, String(error))
    assert.equal(error.code, code, error.message)
    return true
  }
}

async function* pieces(texts: readonly string[]): AsyncGenerator<Uint8Array> {
  for (const text of texts) yield new TextEncoder().encode(text)
}
