import assert from "node:assert/strict"
import { type ChildProcess, spawn } from "node:child_process"
import { once } from "node:events"
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { createInterface } from "node:readline"
import { DatabaseSync } from "node:sqlite"
import { after, test } from "node:test"
import { fileURLToPath } from "node:url"
import type { MayflyError } from "@mayfly/protocol"
import type * as accounts from "../accounts.fixture.ts"
import { accountsOwner } from "../accounts-owner.fixture.ts"
import { openStore } from "../open-store.ts"
import type { Statement } from "../steps.ts"
import type { Store, Tables } from "../store.ts"
import { coded } from "../store-suite.ts"

const folder = mkdtempSync(join(tmpdir(), "mayfly-sqlite-"))
after(() => rmSync(folder, { recursive: true }))

type Accounts = Tables<typeof accounts.procedures>

const insert = (name: string, amount: number): Statement => ({
  sql: "INSERT INTO accounts_accounts (name, amount) VALUES (?, ?)",
  parameters: [name, amount],
})
const attach = (store: Store): Promise<Accounts> => store.attach<typeof accounts.procedures>(accountsOwner)
const count = async (tables: Accounts): Promise<unknown> =>
  (await tables.read("SELECT count(*) AS n FROM accounts_accounts"))[0]?.["n"]
const writer = fileURLToPath(new URL("../writer.fixture.ts", import.meta.url))
const flags = ["--conditions=source", "--disable-warning=ExperimentalWarning"]

interface Writer {
  readonly child: ChildProcess
  readonly lines: AsyncIterableIterator<string>
}

function startWriter(args: readonly string[]): Writer {
  const child = spawn(process.execPath, [...flags, writer, ...args], { stdio: ["ignore", "pipe", "inherit"] })
  return { child, lines: createInterface({ input: child.stdout })[Symbol.asyncIterator]() }
}

test("every acknowledged row is there after kill -9 of its writer, and the file is sound", async () => {
  const directory = join(folder, "killed")
  const acknowledged = new Set<string>()
  for (let round = 0; round < 6; round++) {
    const { child, lines } = startWriter([directory, `r${round}`, "1000000"])
    for await (const line of lines) {
      if (line.startsWith("row ")) acknowledged.add(`r${round}-${line.slice(4)}-`)
      // The pipe holds more that was acknowledged before it died.
      if (acknowledged.size > (round + 1) * 400) child.kill("SIGKILL")
    }
  }
  await using store = await openStore({ directory })
  const rows = await (
    await attach(store)
  ).read<{ name: string }>("SELECT name FROM accounts_accounts", [], { maxRows: 1e6 })
  const found = new Set(rows.map(({ name }) => name))
  assert.ok(acknowledged.size > 2_000)
  assert.deepEqual(
    [...acknowledged].filter((name) => !found.has(name)),
    [],
  )
  assert.deepEqual(await store.check(), [])
})

test("two processes write to one file, and all their rows are there", async () => {
  const directory = join(folder, "two")
  const writers = ["a", "b"].map((name) => startWriter([directory, name, "300"]))
  const failed: string[] = []
  await Promise.all(
    writers.map(async ({ lines }) => {
      for await (const line of lines) if (line.startsWith("failed")) failed.push(line)
    }),
  )
  assert.deepEqual(failed, [])
  await using store = await openStore({ directory })
  assert.equal(await count(await attach(store)), 600)
})

test("a commit that the disk refuses is store.unknown-outcome for all in it; what was acknowledged stays", async () => {
  const directory = join(folder, "refused")
  // The system refuses writes beyond this size of a file (in blocks of 512 or 1024 bytes), in the middle of a commit.
  const command = `ulimit -f 400; exec "$0" "$@"`
  const args = ["-c", command, process.execPath, ...flags, writer, directory, "r", "400", "4000"]
  const child = spawn("sh", args, { stdio: ["ignore", "pipe", "inherit"] })
  const acknowledged: string[] = []
  const codes = new Set<string>()
  for await (const line of createInterface({ input: child.stdout })) {
    const [word, number = "", code = ""] = line.split(" ")
    if (word === "row") acknowledged.push(number)
    if (word === "failed") codes.add(code)
  }
  assert.ok(acknowledged.length > 0 && acknowledged.length < 400)
  assert.ok(codes.has("store.unknown-outcome"), [...codes].join())
  await using store = await openStore({ directory })
  const rows = await (await attach(store)).read<{ amount: number }>("SELECT amount FROM accounts_accounts")
  const found = new Set(rows.map(({ amount }) => String(amount)))
  assert.deepEqual(
    acknowledged.filter((number) => !found.has(number)),
    [],
  )
  assert.deepEqual(await store.check(), [])
})

test("what is too large for the quota is store.full, and its neighbours are written", async () => {
  await using store = await openStore({ directory: join(folder, "full"), maxBytes: 400_000 })
  const tables = await attach(store)
  const small = Array.from({ length: 20 }, (_, n) => tables.write([insert(`small ${n}`, n)]))
  const large = tables.write([insert("x".repeat(1_000_000), 1)])
  const more = Array.from({ length: 20 }, (_, n) => tables.write([insert(`more ${n}`, n)]))
  await assert.rejects(large, coded("store.full"))
  await Promise.all([...small, ...more])
  assert.equal(await count(tables), 40)
  assert.deepEqual(await store.check(), [])
})

test("a store that is full says so to all, and goes on when there is space", async () => {
  const directory = join(folder, "filled")
  {
    await using store = await openStore({ directory, maxBytes: 200_000 })
    const tables = await attach(store)
    const writes = Array.from({ length: 300 }, (_, n) => tables.write([insert(`${n}${"x".repeat(2_000)}`, n)]))
    const outcomes = await Promise.allSettled(writes)
    const codes = new Set(
      outcomes.map((it) => (it.status === "rejected" ? (it.reason as MayflyError).code : "written")),
    )
    assert.deepEqual([...codes].toSorted(), ["store.full", "written"])
    assert.equal(await count(tables), outcomes.filter(({ status }) => status === "fulfilled").length)
    await tables.write([{ sql: "DELETE FROM accounts_accounts WHERE amount < 50", parameters: [] }])
    await tables.write([insert("after", 1)])
  }
  await using larger = await openStore({ directory })
  await (await attach(larger)).write([insert("x".repeat(1_000_000), 1)])
})

test("another process that holds the file is store.busy", async () => {
  const directory = join(folder, "busy")
  await using store = await openStore({ directory, busyMs: 20 })
  const tables = await attach(store)
  const other = new DatabaseSync(join(directory, "mayfly.db"))
  other.exec("BEGIN IMMEDIATE")
  await assert.rejects(tables.write([insert("a", 1)]), coded("store.busy"))
  assert.equal(await count(tables), 0)
  other.exec("ROLLBACK")
  other.close()
  await tables.write([insert("a", 1)])
})

test("a file that is no database, or a damaged one, is store.corrupt", async () => {
  const directory = join(folder, "corrupt")
  {
    await using store = await openStore({ directory })
    const tables = await attach(store)
    await tables.write(Array.from({ length: 500 }, (_, n) => insert(`${n} ${"x".repeat(100)}`, n)))
  }
  const path = join(directory, "mayfly.db")
  const bytes = readFileSync(path)
  writeFileSync(path, Buffer.concat([bytes.subarray(0, 4096 * 4), Buffer.alloc(bytes.length - 4096 * 4, 0x5a)]))
  {
    await using store = await openStore({ directory })
    const tables = await attach(store)
    await assert.rejects(tables.read("SELECT sum(length(name)) FROM accounts_accounts"), coded("store.corrupt"))
    assert.notDeepEqual(await store.check(), [])
  }
  writeFileSync(path, "this is no database, and longer than the header of one".repeat(10))
  await using store = await openStore({ directory })
  await assert.rejects(attach(store), coded("store.corrupt"))
})

test("a damaged blob is store.corrupt, at once or at the end of its stream", async () => {
  const directory = join(folder, "blob")
  await using store = await openStore({ directory })
  const hash = await store.blobs.put(Buffer.from("precious"))
  writeFileSync(join(directory, "blobs", hash.slice(0, 2), hash.slice(2)), "Precious")
  await assert.rejects(store.blobs.get(hash), coded("store.corrupt"))
  const stream = (await store.blobs.stream(hash)) ?? []
  await assert.rejects(async () => {
    for await (const _piece of stream);
  }, coded("store.corrupt"))
})

test("collect keeps a blob that is stored again meanwhile", async () => {
  await using store = await openStore({ directory: join(folder, "again") })
  const hashes = await Promise.all(Array.from({ length: 40 }, (_, n) => store.blobs.put(Buffer.from(`blob ${n}`))))
  const future = Date.now() + 3_000
  // Old enough for the first to be collected; whatever is stored again from now on must stay.
  while (Date.now() < future - 2_900) await store.blobs.get(hashes[0] ?? "")
  const [again] = await Promise.all([
    Promise.all(hashes.map((_, n) => store.blobs.put(Buffer.from(`blob ${n}`)))),
    store.blobs.collect({ graceMs: 50 }),
  ])
  for (const hash of again) assert.notEqual(await store.blobs.get(hash), null)
})

test("the queue has bounds", async () => {
  await using store = await openStore({ maxPending: 10, maxPendingBytes: 100_000 })
  const tables = await attach(store)
  const writes = Array.from({ length: 11 }, (_, n) => tables.write([insert(String(n), n)]))
  await assert.rejects(writes[10] ?? Promise.resolve(), coded("store.queue-full"))
  await Promise.all(writes.slice(0, 10))
  await assert.rejects(tables.write([insert("x".repeat(60_000), 1)]), coded("store.queue-full"))
  await tables.write([insert("x".repeat(40_000), 1)])
})

test("a store that is open for reading sees what its owner commits, and writes nothing", async () => {
  const directory = join(folder, "readers")
  await assert.rejects(openStore({ directory, readOnly: true }), coded("store.not-found"))
  await using owner = await openStore({ directory })
  await owner.attach({ name: "other", migrations: [] })
  await using reader = await openStore({ directory, readOnly: true })
  await assert.rejects(attach(reader), coded("store.not-found"))
  const later = {
    ...accountsOwner,
    migrations: [...accountsOwner.migrations, "CREATE TABLE accounts_more (n INTEGER)"],
  }
  const tables = await attach(owner)
  await assert.rejects(reader.attach(later), coded("store.read-only"))
  const seen = await attach(reader)
  await tables.write([insert("a", 1)])
  assert.equal(await count(seen), 1)
  await assert.rejects(seen.write([insert("b", 1)]), coded("store.read-only"))
  await assert.rejects(seen.read("DELETE FROM accounts_accounts RETURNING name"), coded("store.read-only"))
})

test("a file of a later version is store.newer", async () => {
  const directory = join(folder, "newer")
  await (await openStore({ directory })).attach(accountsOwner)
  const other = new DatabaseSync(join(directory, "mayfly.db"))
  other.exec("PRAGMA user_version = 99")
  other.close()
  await using store = await openStore({ directory })
  await assert.rejects(attach(store), coded("store.newer"))
})

test("arguments and results that can't be copied fail alone", async () => {
  await using store = await openStore()
  const tables = await attach(store)
  const bad = tables.call("move", { from: "a", to: "b", amount: (() => {}) as unknown as number })
  const good = tables.write([insert("a", 1)])
  await assert.rejects(bad, coded("store.failed"))
  await good
  const written = tables.call("giveFunction", insert("b", 1))
  const neighbour = tables.write([insert("c", 1)])
  await assert.rejects(written, coded("store.unknown-outcome"))
  await neighbour
  assert.equal(await count(tables), 3)
})

test("a thread that is gone fails its writes as unknown, and all later calls", async () => {
  const store = await openStore({ directory: join(folder, "gone") })
  const tables = await attach(store)
  await assert.rejects(tables.call("endThread", insert("a", 1)), coded("store.unknown-outcome"))
  await assert.rejects(tables.write([insert("b", 1)]), coded("store.failed"))
  await store.close()
})

test("files are for their owner only", async () => {
  const directory = join(folder, "modes")
  await using store = await openStore({ directory })
  await (await attach(store)).write([insert("a", 1)])
  await store.blobs.put(Buffer.from("secret"))
  assert.equal(statSync(directory).mode & 0o777, 0o700)
  const entries = readdirSync(directory, { recursive: true, withFileTypes: true })
  for (const entry of entries) {
    assert.equal(statSync(join(entry.parentPath, entry.name)).mode & 0o077, 0, entry.name)
  }
  assert.ok(entries.length >= 5)
})

test("a process with an open store ends when it has nothing else to do, and its rows are safe", async () => {
  const directory = join(folder, "unref")
  const script = `
    import { openStore } from ${JSON.stringify(new URL("../open-store.ts", import.meta.url).href)}
    const store = await openStore({ directory: ${JSON.stringify(directory)} })
    const tables = await store.attach(${JSON.stringify({ ...accountsOwner, procedures: undefined })})
    await tables.write([${JSON.stringify(insert("a", 1))}])`
  const child = spawn(process.execPath, [...flags, "--input-type=module", "-e", script], { stdio: "inherit" })
  const [code] = (await once(child, "exit")) as [number | null]
  assert.equal(code, 0)
  await using store = await openStore({ directory })
  assert.equal(await count(await attach(store)), 1)
})
