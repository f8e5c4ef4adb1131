import assert from "node:assert/strict"
import { mkdtempSync, rmSync } from "node:fs"
import { DatabaseSync } from "node:sqlite"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { test, type TestContext } from "node:test"
import { MayflyError } from "@mayfly/protocol"
import { openStore, type Store } from "@mayfly/store"
import { AccountJournal } from "./account-journal.ts"
import type { Batch, RunEntry } from "./account-procedures.ts"
import { noCounters } from "./counters.ts"

const wide = { maxRunsOfTenant: 1_000, maxRuns: 1_000, maxBytes: 1e9, endedAfter: 0 }
const one = { ...noCounters(), runs: 1, cpuUs: 1_234 }

function runEntry(id: string, tenant: string, data = "{}"): RunEntry {
  return { id, tenant, worker: "w", hash: "w", status: "succeeded", startedAt: 1, endedAt: 2, data }
}

async function durable(t: TestContext): Promise<{ store: Store; directory: string }> {
  const directory = mkdtempSync(join(tmpdir(), "mayfly-journal-"))
  const store = await openStore({ directory, busyMs: 20 })
  t.after(async () => {
    await store.close()
    rmSync(directory, { recursive: true, force: true })
  })
  return { store, directory }
}

async function counted(journal: AccountJournal): Promise<unknown> {
  const tables = await journal.tables()
  const [row] = await tables.read("SELECT SUM(runs) AS runs, SUM(cpu_us) AS cpu FROM accounts_usage")
  return { ...row }
}

test("what can't be written waits, and is written once when that is over", async (t) => {
  const { store, directory } = await durable(t)
  const errors: unknown[] = []
  const onError = (error: unknown): void => void errors.push((error as MayflyError).code)
  const journal = new AccountJournal({ store: async () => store, isDurable: true, retention: () => wide, onError })
  t.after(() => journal.close())
  await journal.tables()
  const other = new DatabaseSync(join(directory, "mayfly.db"))
  other.exec("BEGIN IMMEDIATE")
  journal.count("t", 1, "w", one)
  await assert.rejects(journal.flush(), (error) => error instanceof MayflyError && error.code === "store.busy")
  journal.count("t", 1, "w", one)
  other.exec("ROLLBACK")
  other.close()
  await journal.flush()
  assert.deepEqual(await counted(journal), { runs: 2, cpu: 2_468 })
  assert.deepEqual(new Set(errors), new Set(["store.busy"]))
})

test("a batch that is given twice is written once", async (t) => {
  const { store } = await durable(t)
  const journal = new AccountJournal({ store: async () => store, isDurable: true, retention: () => wide })
  const tables = await journal.tables()
  const usage = [{ tenant: "t", day: 1, worker: "w", counters: one }]
  const batch: Batch = { writer: "a", number: 1, usage, runs: [runEntry("r1", "t")], alerts: [], retention: wide }
  for (let times = 0; times < 3; times++) await tables.call("record", batch)
  await tables.call("record", { ...batch, number: 2, runs: [] })
  assert.deepEqual(await counted(journal), { runs: 2, cpu: 2_468 })
})

test("the history is bounded by number, by bytes and by age, and a flood takes its own tenant's runs", async (t) => {
  const { store } = await durable(t)
  const journal = new AccountJournal({ store: async () => store, isDurable: true, retention: () => wide })
  const tables = await journal.tables()
  const write = (number: number, runs: readonly RunEntry[], retention = wide): Promise<void> =>
    tables.call("record", { writer: "a", number, usage: [], runs, alerts: [], retention })
  const kept = async (): Promise<Record<string, number>> => {
    const rows = await tables.read<{ tenant: string; n: number }>(
      "SELECT tenant, COUNT(*) AS n FROM accounts_runs GROUP BY tenant",
    )
    return Object.fromEntries(rows.map(({ tenant, n }) => [tenant, n]))
  }
  const flood = (from: number, data?: string): RunEntry[] =>
    Array.from({ length: 200 }, (_, n) => runEntry(`f${from + n}`, "flood", data))
  await write(
    1,
    [1, 2, 3].map((n) => runEntry(`q${n}`, "quiet")),
  )
  await write(2, flood(0), { ...wide, maxRunsOfTenant: 100 })
  assert.deepEqual(await kept(), { quiet: 3, flood: 90 })
  await write(3, flood(1_000), { ...wide, maxRuns: 50 })
  const few = await kept()
  assert.ok(few["quiet"] === 3 && (few["flood"] ?? 0) <= 47, JSON.stringify(few))
  await write(4, flood(2_000, "x".repeat(10_000)), { ...wide, maxBytes: 100_000 })
  const light = await kept()
  assert.ok(light["quiet"] === 3 && (light["flood"] ?? 0) <= 10, JSON.stringify(light))
  const [sums] = await tables.read("SELECT SUM(runs) AS runs, SUM(bytes) AS bytes FROM accounts_kept")
  const [real] = await tables.read("SELECT COUNT(*) AS runs, SUM(bytes) AS bytes FROM accounts_runs")
  assert.deepEqual({ ...sums }, { ...real })
  assert.equal(await tables.call("forgetOld", { endedAfter: 3, most: 1_000 }), 3 + (light["flood"] ?? 0))
  assert.deepEqual(await kept(), {})
})
