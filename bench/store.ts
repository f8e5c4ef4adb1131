// npm run bench -- store: rows per second of the store beside plain node:sqlite, on this disk. It reports and asserts nothing.
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { DatabaseSync } from "node:sqlite"
import { parseArgs } from "node:util"
import { openStore, type Tables } from "@mayfly/store"
import type { procedures } from "./store/procedures.ts"

const { values } = parseArgs({
  options: { quick: { type: "boolean", default: false }, directory: { type: "string", default: tmpdir() } },
})
const msPerResult = values.quick ? 300 : 1_500
const folder = mkdtempSync(join(values.directory, "mayfly-bench-store-"))
process.on("exit", () => rmSync(folder, { recursive: true, force: true }))

const filler = "x".repeat(200)
const table = "CREATE TABLE bench_rows (n INTEGER PRIMARY KEY, owner TEXT NOT NULL, data TEXT NOT NULL) STRICT"
const sql = "INSERT INTO bench_rows (owner, data) VALUES (?, ?)"
const insert = { sql, parameters: ["a", filler] }

interface Result {
  readonly name: string
  readonly rowsPerSecond: number
  /** Longest time that the event loop stood still. */
  readonly blockedMs: number
}

const results: Result[] = []
for (const batch of [1, 10, 100]) results.push(await plainSqlite(batch))
for (const callers of [1, 10, 100, 1_000]) {
  results.push(await storeRows(`store, ${callers} callers, 1 row each`, callers, (tables) => tables.write([insert])))
}
const ten = Array.from({ length: 10 }, () => insert)
results.push(await storeRows("store, 100 callers, 10 rows each", 100, (tables) => tables.write(ten), 10))
results.push(
  await storeRows("store, 100 callers, read, decide, write", 100, (tables) =>
    (tables as unknown as Tables<typeof procedures>).call("append", { data: filler }),
  ),
)
for (const { name, rowsPerSecond, blockedMs } of results) {
  const rows = Math.round(rowsPerSecond).toLocaleString("en").padStart(9)
  console.log(`${name.padEnd(44)} ${rows} rows/s   event loop blocked ${blockedMs.toFixed(1)} ms at most`)
}

/** The peer: one connection on the main thread, one transaction and one sync per batch. */
async function plainSqlite(batch: number): Promise<Result> {
  const database = new DatabaseSync(join(folder, `plain-${batch}.db`))
  database.exec(`PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; ${table}`)
  const [begin, statement, commit] = ["BEGIN IMMEDIATE", sql, "COMMIT"].map((text) => database.prepare(text))
  if (begin === undefined || statement === undefined || commit === undefined) throw new Error("no statements")
  let rows = 0
  const measured = await measure(`node:sqlite, ${batch} rows per transaction`, async (isOver) => {
    while (!isOver()) {
      begin.run()
      for (let n = 0; n < batch; n++) statement.run("a", filler)
      commit.run()
      rows += batch
      // A server has other things to do, too.
      if (rows % 1_000 === 0) await new Promise(setImmediate)
    }
    return rows
  })
  database.close()
  return measured
}

async function storeRows(
  name: string,
  callers: number,
  write: (tables: Tables) => Promise<unknown>,
  rowsEach = 1,
): Promise<Result> {
  await using store = await openStore({ directory: join(folder, name.replaceAll(/\W+/g, "-")) })
  const module = new URL("./store/procedures.ts", import.meta.url).href
  const tables = await store.attach({ name: "bench", migrations: [table], procedures: module })
  return await measure(name, async (isOver) => {
    let rows = 0
    const loop = async (): Promise<void> => {
      for (; !isOver(); rows += rowsEach) await write(tables)
    }
    await Promise.all(Array.from({ length: callers }, loop))
    return rows
  })
}

async function measure(name: string, work: (isOver: () => boolean) => Promise<number>): Promise<Result> {
  let last = performance.now()
  let blockedMs = 0
  const beat = setInterval(() => {
    const now = performance.now()
    blockedMs = Math.max(blockedMs, now - last - 1)
    last = now
  }, 1)
  const started = performance.now()
  const rows = await work(() => performance.now() - started > msPerResult)
  const seconds = (performance.now() - started) / 1_000
  clearInterval(beat)
  return { name, rowsPerSecond: rows / seconds, blockedMs }
}
