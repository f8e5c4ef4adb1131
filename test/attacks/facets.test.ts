import assert from "node:assert/strict"
import { existsSync, readdirSync } from "node:fs"
import { join } from "node:path"
import { after, test } from "node:test"
import { type AnyFacet, openScene, sqlBody } from "../e2e/facet-fixture.ts"
import { processesOf, residentMb } from "./processes.ts"

const timeout = 120_000
const scene = await openScene({ hosts: 2, facets: { maxBytes: 8 << 20 } })
after(() => scene[Symbol.asyncDispose]())

const body = `${sqlBody}
  raw(query) { let count = 0; for (const row of this.ctx.storage.sql.exec(query)) count++; return count }
  put(value) { this.ctx.storage.kv.put("value", value); return this.ctx.storage.kv.get("value") }
`
const limits = { cpuMs: 300, memoryMb: 64 }
let names = 0
const attacker = (text = body, more: Record<string, number> = {}): AnyFacet =>
  scene.facet(`attacker ${++names}`, text, { limits: { ...limits, ...more } })

async function outcome(work: Promise<unknown> | undefined): Promise<string> {
  try {
    return `gave ${JSON.stringify(await work)?.slice(0, 80)}`
  } catch (error) {
    const { code, message } = error as { code?: string; message: string }
    return `${code ?? "no code"}: ${message}`
  }
}

/** Does `attack` while facets of the same and of another tenant are called all the time; they must answer, and keep what they had. */
async function besideNeighbours(attack: () => Promise<string>): Promise<string> {
  const counting =
    "next() { const n = (this.ctx.storage.kv.get('n') ?? 0) + 1; this.ctx.storage.kv.put('n', n); return n }"
  const neighbours = [{}, {}, { tenant: "neighbour" }].map((options) =>
    scene.facet(`neighbour ${++names}`, counting, options),
  )
  for (const neighbour of neighbours) assert.equal(await neighbour["next"]?.(), 1)
  let isOver = false
  const attacked = attack().finally(() => (isOver = true))
  const served = neighbours.map(async (neighbour) => {
    for (let n = 2; ; n++) {
      assert.equal(await neighbour["next"]?.(), n)
      if (isOver) return
    }
  })
  await Promise.all(served)
  return attacked
}

const endless = "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n)"
const tooMuch = /^(?:object\.storage-limit|worker\.cpu-limit|worker\.memory-limit): /

const expensive: readonly [name: string, query: string, expected: RegExp][] = [
  ["an endless recursion", `${endless} SELECT count(*) FROM n`, tooMuch],
  ["an endless recursion with rows", `${endless} SELECT x FROM n`, tooMuch],
  [
    "a sort of everything",
    `${endless}, m(x) AS (SELECT x FROM n LIMIT 20000000) SELECT randomblob(500) AS b FROM m ORDER BY b`,
    /limit|out of memory/,
  ],
  [
    "a join of everything",
    `${endless}, m(x) AS (SELECT x FROM n LIMIT 5000) SELECT count(*) FROM m a, m b, m c, m d`,
    tooMuch,
  ],
  ["one huge value", "SELECT zeroblob(2000000000)", /too big/],
  ["many large values", `${endless} SELECT group_concat(hex(randomblob(1000))) FROM n`, /limit|too big/],
  ["a value that grows", "SELECT replace(hex(zeroblob(1000000)), '0', hex(zeroblob(1000000)))", /too big|limit/],
  ["a width", "SELECT printf('%2000000000d', 1)", /too big|limit|gave/],
  ["a pattern that explodes", `SELECT '${"a".repeat(900)}' LIKE '${"%a".repeat(300)}b'`, /limit|gave/],
  ["a nested expression", `SELECT ${"(".repeat(2_000)}1${")".repeat(2_000)}`, /depth|overflow|gave/],
  ["a wide compound", Array.from({ length: 400 }, () => "SELECT 1").join(" UNION "), /too many terms/],
  ["a long text", `SELECT '${"x".repeat(200_000)}'`, /too big|too long|limit/],
  ["a full database", `CREATE TABLE t (a); INSERT INTO t ${endless} SELECT randomblob(1000) FROM n`, /full|limit/],
]

for (const [name, query, expected] of expensive) {
  test(`${name} costs nobody but its facet`, { timeout }, async () => {
    const facet = attacker()
    const ended = await besideNeighbours(() => outcome(facet["raw"]?.(query)))
    assert.match(ended, expected)
    assert.equal(await outcome(facet["put"]?.(1)), "gave 1")
    for (const pid of processesOf("/storage.cjs")) assert.ok(residentMb(pid) < 1_000, `${residentMb(pid)} MiB`)
  })
}

const forbidden = [
  "ATTACH '/tmp/mayfly-attack.sqlite' AS other",
  "ATTACH ':memory:' AS other",
  "DETACH main",
  "VACUUM",
  "VACUUM INTO '/tmp/mayfly-attack.sqlite'",
  "SELECT load_extension('/tmp/x.so')",
  "SELECT readfile('/etc/passwd')",
  "SELECT writefile('/tmp/mayfly-attack.sqlite', 'x')",
  "SELECT fts3_tokenizer('simple', x'00')",
  "SELECT edit('x')",
  "CREATE VIRTUAL TABLE v USING csv(filename='/etc/passwd')",
  "CREATE VIRTUAL TABLE v USING rtree(a, b, c)",
  "CREATE TEMP TABLE t (a)",
  "BEGIN",
  "COMMIT",
  "ROLLBACK",
  "SAVEPOINT s",
  "PRAGMA writable_schema = ON",
  "PRAGMA journal_mode = DELETE",
  "PRAGMA locking_mode = NORMAL",
  "PRAGMA max_page_count = 1000000000",
  "PRAGMA synchronous = OFF",
  "PRAGMA temp_store_directory = '/tmp'",
  "PRAGMA data_store_directory = '/tmp'",
  "PRAGMA mmap_size = 1000000000",
  "PRAGMA hard_heap_limit = 1",
  "PRAGMA trusted_schema = ON",
  "PRAGMA database_list",
  "PRAGMA foreign_keys = OFF",
  "SELECT * FROM pragma_database_list",
  "SELECT * FROM _cf_KV",
  "SELECT * FROM _CF_METADATA",
  'SELECT * FROM main."_cf_KV"',
  "DELETE FROM _cf_METADATA",
  "DROP TABLE _cf_KV",
  "CREATE TABLE _cf_mine (a)",
  "CREATE INDEX i ON _cf_KV (value)",
  "CREATE TRIGGER g AFTER INSERT ON _cf_KV BEGIN SELECT 1; END",
  "ALTER TABLE _cf_KV RENAME TO mine",
  "INSERT INTO sqlite_master VALUES ('table', 't', 't', 1, 'x')",
  "UPDATE sqlite_master SET sql = 'x'",
]

test("SQL that is not the facet's business is refused", { timeout }, async () => {
  const facet = attacker()
  for (const query of forbidden) {
    assert.match(
      await outcome(facet["sql"]?.(query)),
      /not authorized|authorization denied|prohibited|no such (?:function|module|table)|may not be|cannot|unsafe|wrong number|read-only/,
      query,
    )
  }
  assert.equal(existsSync("/tmp/mayfly-attack.sqlite"), false)
  assert.equal(await outcome(facet["put"]?.("still here")), 'gave "still here"')
})

test("views, triggers and foreign keys are no way to the runtime's tables", { timeout }, async () => {
  const facet = attacker()
  await facet["put"]?.("mine")
  await facet["sql"]?.("CREATE VIEW v AS SELECT * FROM _cf_KV; CREATE TABLE t (a)")
  await facet["sql"]?.("CREATE TRIGGER g AFTER INSERT ON t BEGIN DELETE FROM _cf_KV; END")
  await facet["sql"]?.("CREATE TRIGGER endless AFTER UPDATE ON t BEGIN UPDATE t SET a = a + 1; END")
  for (const query of ["SELECT * FROM v", "INSERT INTO t VALUES (1)"])
    assert.match(await outcome(facet["sql"]?.(query)), /not authorized|prohibited/, query)
  assert.equal(await outcome(facet["put"]?.("again")), 'gave "again"')
})

test("a flood of storage calls counts as the facet's CPU", { timeout }, async () => {
  const flood = attacker("flood() { for (let n = 0; ; n++) this.ctx.storage.kv.put('k' + (n % 10), n) }", {
    wallMs: 20_000,
  })
  const ended = await besideNeighbours(() => outcome(flood["flood"]?.()))
  assert.match(ended, /^worker\.cpu-limit: /)
})

test("cursors that are left open are bounded, old ones say so", { timeout }, async () => {
  const facet = attacker(
    `open() {
      const { sql } = this.ctx.storage
      sql.exec("CREATE TABLE IF NOT EXISTS t AS WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n LIMIT 1500) SELECT x FROM n")
      const cursors = Array.from({ length: 50 }, () => sql.exec("SELECT x FROM t"))
      let old
      try { cursors[0].toArray() } catch (error) { old = error.message }
      return [cursors.at(-1).toArray().length, old.slice(0, 21)]
    }`,
    { cpuMs: 5_000 },
  )
  assert.equal(await outcome(facet["open"]?.()), 'gave [1500,"SQL cursor was closed"]')
})

test("an alarm that sets itself leaves the others alone", { timeout }, async () => {
  const facet = attacker(`
    start() { return this.ctx.storage.setAlarm(0) }
    fired() { return this.ctx.storage.kv.get("n") ?? 0 }
    stop() { return this.ctx.storage.deleteAlarm() }
    async alarm() { this.ctx.storage.kv.put("n", this.fired() + 1); await this.ctx.storage.setAlarm(0) }`)
  const ended = await besideNeighbours(async () => {
    await facet["start"]?.()
    while (((await facet["fired"]?.()) as number) < 5);
    return outcome(facet["stop"]?.())
  })
  assert.equal(ended, "gave undefined")
})

test("a guest finds no way from its storage to the host", { timeout }, async () => {
  const facet = attacker(`
    probe() {
      const seen = []
      const look = (value, depth, path) => {
        if ((typeof value !== "object" && typeof value !== "function") || value === null || depth > 6) return
        for (let at = value; at !== null && at !== Object.prototype && at !== Function.prototype; at = Object.getPrototypeOf(at))
          for (const key of Reflect.ownKeys(at)) {
            if (/applySync|derefInto|getSync/.test(String(key))) seen.push(path + "." + String(key))
            let next
            try { next = Reflect.getOwnPropertyDescriptor(at, key).value } catch { continue }
            if (!known.has(next)) { known.add(next); look(next, depth + 1, path + "." + String(key)) }
          }
      }
      const known = new Set()
      look(this.ctx, 0, "ctx")
      look(globalThis, 0, "globalThis")
      const frames = []
      Error.prepareStackTrace = (error, sites) => { for (const site of sites) frames.push(typeof site.getThis(), typeof site.getFunction()); return "" }
      try { this.ctx.storage.sql.exec("nonsense") } catch (error) { String(error.stack) }
      Error.prepareStackTrace = undefined
      return [seen, [...new Set(frames)].filter((kind) => kind !== "undefined" && kind !== "object")]
    }`)
  assert.equal(await outcome(facet["probe"]?.()), "gave [[],[]]")
})

test("the folder holds nothing but databases, and only of their tenants", { timeout }, async () => {
  const root = join(scene.dataDir, "objects")
  const kinds = readdirSync(root, { recursive: true, encoding: "utf8" }).map((name) =>
    name.replaceAll(/[0-9a-f]{40}/g, "hash"),
  )
  const known = ["hash", "hash/hash.sqlite", "hash/hash.sqlite-wal", "hash/hash.alarm"]
  assert.deepEqual(
    [...new Set(kinds)].filter((kind) => !known.includes(kind)),
    [],
  )
})
