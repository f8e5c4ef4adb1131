import assert from "node:assert/strict"
import { spawn } from "node:child_process"
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { createInterface } from "node:readline"
import { DatabaseSync } from "node:sqlite"
import { after, test } from "node:test"
import { fileURLToPath } from "node:url"
import { type LedgerRow, MayflyError, type FollowedRow, type RecordedRow, type Verification } from "@mayfly/protocol"
import { openStore, type Store } from "@mayfly/store"
import { createLedger } from "./create-ledger.ts"
import type { Ledger } from "./ledger.ts"
import { ledgerRow } from "./ledger-row.fixture.ts"
import type { LedgerOptions } from "./open-ledger.ts"

const folder = mkdtempSync(join(tmpdir(), "mayfly-ledger-"))
after(() => rmSync(folder, { recursive: true }))
let folders = 0
const newDirectory = (): string => join(folder, String(folders++))

interface Opened extends AsyncDisposable {
  readonly ledger: Ledger
  readonly store: Store
}

async function open(directory?: string, options: Partial<LedgerOptions> = {}): Promise<Opened> {
  const place = directory === undefined ? {} : { directory }
  const store = await openStore({ ...place, readOnly: options.readOnly ?? false })
  const ledger = createLedger({ store: async () => store, ...place, ...options })
  const close = async (): Promise<void> => {
    await ledger.close()
    await store.close()
  }
  return { ledger, store, [Symbol.asyncDispose]: close }
}

/** An attempt from its beginning to its end. */
async function record(ledger: Ledger, given: Partial<LedgerRow> = {}): Promise<LedgerRow> {
  const row = ledgerRow(given)
  await ledger.begin(row)
  ledger.end({
    ...row,
    ...(row.decision === "deny" ? {} : { status: 200, bytesIn: 100, bytesOut: 7, durationMs: 5 }),
    ...given,
  })
  return row
}

const ids = (rows: readonly { id: string }[]): string[] => rows.map(({ id }) => id)

test("a row is there when begin resolves, pending, and has its outcome when the attempt ends", async () => {
  await using opened = await open(newDirectory())
  const { ledger } = opened
  const row = ledgerRow()
  await ledger.begin(row)
  const [pending] = (await ledger.query()).rows
  const { hash, previousHash, ...shown } = pending ?? ({} as RecordedRow)
  assert.deepEqual(shown, { ...row, outcome: "pending", outcomeHash: null })
  assert.match(hash, /^[0-9a-f]{64}$/)
  assert.match(previousHash, /^[0-9a-f]{64}$/)
  const ended = { ...row, status: 204, bytesIn: 12, bytesOut: 3, durationMs: 9 }
  ledger.end(ended)
  await ledger.close()
  const [known] = (await ledger.query()).rows
  assert.match(known?.outcomeHash ?? "", /^[0-9a-f]{64}$/)
  assert.deepEqual(known, { ...ended, outcome: "known", hash, previousHash, outcomeHash: known?.outcomeHash })
})

test("a refusal is one entry, known at once; a refusal found out later is the outcome", async () => {
  await using opened = await open()
  const { ledger } = opened
  await record(ledger, { decision: "deny", reason: "no-rule", origin: "https://evil.example" })
  const begun = ledgerRow({ id: "later" })
  await ledger.begin(begun)
  ledger.end({ ...begun, decision: "deny", reason: "private-address" })
  await ledger.close()
  const { rows } = await ledger.query({ decision: "deny" })
  assert.deepEqual(
    rows.map(({ origin, reason, outcome }) => ({ origin, reason, outcome })),
    [
      { origin: "https://api.github.com", reason: "private-address", outcome: "known" },
      { origin: "https://evil.example", reason: "no-rule", outcome: "known" },
    ],
  )
  assert.deepEqual((await ledger.query({ decision: "allow" })).rows, [])
  // The start, the refusal, the attempt and its outcome.
  assert.equal((await ledger.verify()).entries, 4)
})

test("end without begin is recorded whole", async () => {
  await using opened = await open()
  const { ledger } = opened
  ledger.end(ledgerRow({ id: "only-end", status: 200 }))
  await ledger.close()
  const [row] = (await ledger.query()).rows
  assert.deepEqual([row?.id, row?.status, row?.outcome], ["only-end", 200, "known"])
})

test("begin rejects when the row can't be kept", async () => {
  await using opened = await open()
  await opened.store.close()
  await assert.rejects(
    opened.ledger.begin(ledgerRow()),
    (error) => error instanceof MayflyError && error.code === "store.closed",
  )
})

test("query filters and pages, the newest first", async () => {
  await using opened = await open(newDirectory())
  const { ledger } = opened
  for (let n = 0; n < 30; n++) {
    const refused = n % 10 === 3
    await record(ledger, {
      id: `row ${n}`,
      tenant: n % 2 === 0 ? "even" : "odd",
      runId: `run_${n % 5}`,
      origin: n % 3 === 0 ? "https://a.example" : "https://b.example",
      ...(refused ? { decision: "deny" as const, reason: "no-rule" } : {}),
    })
  }
  await ledger.close()
  const numbers = async (query: Parameters<Ledger["query"]>[0]): Promise<number[]> =>
    ids((await ledger.query(query)).rows).map((id) => Number(id.slice(4)))
  assert.deepEqual(await numbers({ tenant: "odd", limit: 3 }), [29, 27, 25])
  assert.deepEqual(await numbers({ run: "run_4" }), [29, 24, 19, 14, 9, 4])
  assert.deepEqual(await numbers({ decision: "deny" }), [23, 13, 3])
  assert.deepEqual(await numbers({ origin: "https://a.example", tenant: "even", run: "run_0" }), [0])
  const seen: string[] = []
  let cursor: string | undefined
  for (let pages = 0; pages < 10; pages++) {
    const page = await ledger.query({ limit: 7, ...(cursor === undefined ? {} : { cursor }) })
    seen.push(...ids(page.rows))
    if (page.next === null) break
    cursor = page.next
  }
  assert.deepEqual(
    seen,
    Array.from({ length: 30 }, (_, n) => `row ${29 - n}`),
  )
})

test("since and until go by the time of recording, also when the clock is set back", async (t) => {
  t.mock.timers.enable({ apis: ["Date"], now: 1_000_000 })
  await using opened = await open()
  const { ledger } = opened
  for (const now of [1_000_000, 2_000_000, 1_500_000, 3_000_000]) {
    t.mock.timers.setTime(now)
    await ledger.begin(ledgerRow({ id: String(now) }))
  }
  assert.deepEqual(ids((await ledger.query({ since: 2_000_000 })).rows), ["3000000", "1500000", "2000000"])
  assert.deepEqual(ids((await ledger.query({ until: 2_000_000 })).rows), ["1500000", "2000000", "1000000"])
  assert.deepEqual(ids((await ledger.query({ since: 1_000_001, until: 2_999_999 })).rows), ["1500000", "2000000"])
  assert.deepEqual((await ledger.query({ since: 3_000_001 })).rows, [])
  assert.deepEqual((await ledger.query({ until: 1 })).rows, [])
})

test("query refuses what can't be meant", async () => {
  await using opened = await open()
  const bad: unknown[] = [
    { limit: 0 },
    { limit: 1_001 },
    { cursor: "x" },
    { cursor: "-1" },
    { decision: "maybe" },
    { since: NaN },
    { tenant: 5 },
  ]
  for (const query of bad) {
    const isInvalid = (error: unknown): boolean => error instanceof MayflyError && error.code === "input.invalid"
    await assert.rejects(opened.ledger.query(query as never), isInvalid, JSON.stringify(query))
  }
})

test(
  "follow gives rows as they begin and as they end, and continues behind a cursor",
  { timeout: 30_000 },
  async () => {
    await using opened = await open(newDirectory())
    const { ledger } = opened
    const stop = new AbortController()
    const followed: FollowedRow[] = []
    const seenAll = Promise.withResolvers<void>()
    const first = await ledger.query()
    assert.deepEqual(first.rows, [])
    const following = (async () => {
      for await (const change of ledger.follow({ tenant: "acme", cursor: "0", signal: stop.signal })) {
        followed.push(change)
        if (followed.some(({ row }) => row.id === "last" && row.outcome === "known")) seenAll.resolve()
      }
    })()
    const open1 = ledgerRow({ id: "open" })
    await ledger.begin(open1)
    await record(ledger, { id: "other tenant", tenant: "other" })
    await record(ledger, { id: "refused", decision: "deny" })
    await record(ledger, { id: "last" })
    await seenAll.promise
    stop.abort()
    await following
    const last = followed.filter(({ row }) => row.outcome === "known").map(({ row }) => row.id)
    assert.deepEqual(last, ["refused", "last"])
    assert.ok(followed.some(({ row }) => row.id === "open" && row.outcome === "pending"))
    assert.ok(!followed.some(({ row }) => row.id === "other tenant"))
    const cursor = followed[0]?.cursor ?? ""
    const again: string[] = []
    for await (const { row } of ledger.follow({ tenant: "acme", cursor })) {
      again.push(row.id)
      if (row.id === "last") break
    }
    assert.ok(again.includes("refused") && !again.includes("open"))
  },
)

test("everything that killed processes had acknowledged is there, nothing is pending, and their one chain verifies", async () => {
  const directory = newDirectory()
  const begun = new Set<string>()
  const writer = fileURLToPath(new URL("./ledger-writer.fixture.ts", import.meta.url))
  const args = ["--conditions=source", "--disable-warning=ExperimentalWarning", writer, directory]
  for (let round = 0; round < 4; round++) {
    // Two at once: both write to one chain.
    const children = [1, 2].map(() => spawn(process.execPath, args, { stdio: ["ignore", "pipe", "inherit"] }))
    const listen = async (child: (typeof children)[number]): Promise<void> => {
      for await (const line of createInterface({ input: child.stdout })) {
        begun.add(line.slice("begun ".length))
        if (begun.size > (round + 1) * 400) for (const each of children) each.kill("SIGKILL")
      }
    }
    await Promise.all(children.map(listen))
  }
  await using opened = await open(directory)
  const rows = new Map<string, RecordedRow>()
  for await (const line of opened.ledger.export("jsonl")) {
    for (const text of line.trim().split("\n")) {
      const row = JSON.parse(text) as RecordedRow
      rows.set(row.id, row)
    }
  }
  assert.ok(begun.size > 1_500)
  for (const id of begun) assert.ok(rows.has(id), id)
  const outcomes = new Set([...rows.values()].map(({ outcome }) => outcome))
  assert.ok(!outcomes.has("pending") && outcomes.has("known"))
  const verified = await opened.ledger.verify()
  assert.ok(verified.ok, JSON.stringify(verified))
  assert.equal(verified.rows, rows.size)
})

test("an attempt that its process did not see to its end is unknown after the next start", async () => {
  const directory = newDirectory()
  {
    await using opened = await open(directory)
    await opened.ledger.begin(ledgerRow({ id: "lost" }))
  }
  {
    await using reader = await open(directory, { readOnly: true, ownerIsGone: true })
    assert.equal((await reader.ledger.query()).rows[0]?.outcome, "unknown")
  }
  await using opened = await open(directory)
  await opened.ledger.begin(ledgerRow({ id: "new" }))
  const outcomes = (await opened.ledger.query()).rows.map(({ id, outcome }) => [id, outcome])
  assert.deepEqual(outcomes, [
    ["new", "pending"],
    ["lost", "unknown"],
  ])
})

/** Mulberry32: small, and the same everywhere. */
function seeded(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let t = Math.imul(state ^ (state >>> 15), 1 | state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32
  }
}

const seed = Number(process.env["MAYFLY_SEED"] ?? Math.floor(Math.random() * 2 ** 31))

/** A closed ledger of forty rows, and how to verify a changed copy of it. */
async function sealed(): Promise<{ change(sql: string, ...parameters: (string | number)[]): Promise<Verification> }> {
  const directory = newDirectory()
  {
    await using opened = await open(directory)
    for (let n = 0; n < 40; n++) await record(opened.ledger, { id: `row ${n}`, runId: `run_${n}` })
  }
  return {
    async change(sql, ...parameters) {
      const copy = newDirectory()
      mkdirSync(copy)
      for (const name of ["mayfly.db", "ledger-head.json", "ledger-key"])
        copyFileSync(join(directory, name), join(copy, name))
      const database = new DatabaseSync(join(copy, "mayfly.db"))
      database.prepare(sql).run(...parameters)
      database.close()
      await using reader = await open(copy, { readOnly: true })
      return await reader.ledger.verify()
    },
  }
}

test(`verify finds any changed byte of any entry, and names the first (seed ${seed})`, async () => {
  const { change } = await sealed()
  const random = seeded(seed)
  const below = (n: number): number => Math.floor(random() * n)
  assert.equal((await change("SELECT 1")).ok, true)
  for (let round = 0; round < 60; round++) {
    const seq = 1 + below(81)
    const column = ["data", "hash", "tenant", "run_id", "origin", "decision", "kind", "at", "attempt"][below(9)] ?? ""
    const numeric = column === "at" || column === "attempt"
    const place = below(400)
    const sql = numeric
      ? `UPDATE ledger_entries SET ${column} = coalesce(${column}, 0) + 1 WHERE seq = ?1 AND ?2 >= 0`
      : // One character, wherever the column is long enough to have it.
        `UPDATE ledger_entries SET ${column} = substr(coalesce(${column}, ''), 1, ?2 % max(1, length(coalesce(${column}, 'x')))) || '~' ||
         substr(coalesce(${column}, ''), 2 + ?2 % max(1, length(coalesce(${column}, 'x')))) WHERE seq = ?1`
    const result = await change(sql, seq, place)
    assert.ok(!result.ok, `${column} of ${seq} at ${place}`)
    assert.equal(result.problem.seq, seq, `${column} of ${seq}: ${result.problem.message}`)
  }
})

test("verify finds entries that are gone, added or exchanged, and a moved base", async () => {
  const { change } = await sealed()
  const gone = await change("DELETE FROM ledger_entries WHERE seq = 17")
  assert.deepEqual(gone.ok ? null : [gone.problem.kind, gone.problem.seq], ["missing", 17])
  const cut = await change("DELETE FROM ledger_entries WHERE seq > 70")
  assert.deepEqual(cut.ok ? null : [cut.problem.kind, cut.problem.seq], ["truncated", 71])
  const all = await change("DELETE FROM ledger_entries")
  assert.deepEqual(all.ok ? null : [all.problem.kind, all.problem.seq], ["truncated", 1])
  const beginning = await change("DELETE FROM ledger_entries WHERE seq < 5")
  assert.deepEqual(beginning.ok ? null : [beginning.problem.kind, beginning.problem.seq], ["missing", 1])
  const exchanged = await change(
    "UPDATE ledger_entries SET data = (SELECT data FROM ledger_entries e WHERE e.seq = 10) WHERE seq = 8",
  )
  assert.deepEqual(exchanged.ok ? null : [exchanged.problem.kind, exchanged.problem.seq], ["changed", 8])
  const moved = await change("UPDATE ledger_base SET seq = 3")
  assert.equal(moved.ok, false)
})

test("a beginning that was cut off with the base moved along is found: no entry says so", async () => {
  const directory = newDirectory()
  {
    await using opened = await open(directory)
    for (let n = 0; n < 10; n++) await record(opened.ledger)
  }
  const database = new DatabaseSync(join(directory, "mayfly.db"))
  database.exec(`UPDATE ledger_base SET seq = 6, hash = (SELECT hash FROM ledger_entries WHERE seq = 6);
    DELETE FROM ledger_entries WHERE seq <= 6`)
  database.close()
  await using reader = await open(directory, { readOnly: true })
  const result = await reader.ledger.verify()
  assert.deepEqual(result.ok ? null : [result.problem.kind, result.problem.seq], ["missing", 7])
})

test("verify with an expected head finds a chain that was written anew", async () => {
  const directory = newDirectory()
  await using opened = await open(directory)
  await record(opened.ledger)
  await opened.ledger.close()
  const before = await opened.ledger.verify()
  assert.ok(before.ok)
  await record(opened.ledger)
  await opened.ledger.close()
  assert.equal((await opened.ledger.verify({ expect: before.head })).ok, true)
  const other = { ...before.head, hash: "f".repeat(64) }
  const result = await opened.ledger.verify({ expect: other })
  assert.deepEqual(result.ok ? null : [result.problem.kind, result.problem.seq], ["changed", other.seq])
  const beyond = await opened.ledger.verify({ expect: { seq: 99, hash: other.hash } })
  assert.deepEqual(beyond.ok ? null : beyond.problem.kind, "truncated")
})

test("a truncation stays noticed after the next start, which would move the anchor", async () => {
  const directory = newDirectory()
  {
    await using opened = await open(directory)
    for (let n = 0; n < 10; n++) await record(opened.ledger)
  }
  const database = new DatabaseSync(join(directory, "mayfly.db"))
  database.exec("DELETE FROM ledger_entries WHERE seq > 15")
  database.close()
  await using opened = await open(directory)
  await record(opened.ledger)
  await opened.ledger.close()
  const result = await opened.ledger.verify()
  assert.deepEqual(result.ok ? null : [result.problem.kind, result.problem.seq], ["found-at-start", 16])
  assert.match(result.ok ? "" : result.problem.message, /entries 16 to 21 were gone from the end/)
})

test("a lost or forged anchor is noticed", async () => {
  for (const [change, kind] of [
    [(path: string) => rmSync(path), "anchor"],
    [(path: string) => writeFileSync(path, readFileSync(path, "utf8").replace(/"seq":\d+/, '"seq":1')), "anchor"],
    [(path: string) => writeFileSync(path, "{"), "anchor"],
  ] as const) {
    const directory = newDirectory()
    {
      await using opened = await open(directory)
      await record(opened.ledger)
    }
    change(join(directory, "ledger-head.json"))
    await using reader = await open(directory, { readOnly: true })
    const result = await reader.ledger.verify()
    assert.equal(result.ok ? "ok" : result.problem.kind, kind)
    await using opened = await open(directory)
    const later = await opened.ledger.verify()
    assert.equal(later.ok ? "ok" : later.problem.kind, "found-at-start")
  }
})

test("verify names no id of another tenant", async () => {
  const directory = newDirectory()
  {
    await using opened = await open(directory)
    await record(opened.ledger, { tenant: "a", id: "a's" })
    await record(opened.ledger, { tenant: "b", id: "b's" })
  }
  {
    await using reader = await open(directory, { readOnly: true })
    const result = await reader.ledger.verify({ tenant: "b" })
    assert.deepEqual(result.ok ? [result.entries, result.rows] : null, [5, 1])
  }
  const database = new DatabaseSync(join(directory, "mayfly.db"))
  database.exec("UPDATE ledger_entries SET data = replace(data, '/repos', '/repos2') WHERE seq = 2")
  database.close()
  await using reader = await open(directory, { readOnly: true })
  const idFor = async (tenant: string): Promise<unknown> => {
    const result = await reader.ledger.verify({ tenant })
    return result.ok ? "ok" : result.problem.id
  }
  assert.deepEqual([await idFor("a"), await idFor("b")], ["a's", null])
})

test("prune forgets old rows, the rest verifies, and says so in the chain", async (t) => {
  t.mock.timers.enable({ apis: ["Date"], now: 1_000_000 })
  await using opened = await open(newDirectory())
  const { ledger } = opened
  for (let n = 0; n < 20; n++) {
    t.mock.timers.setTime(1_000_000 + n * 1_000)
    await ledger.begin(ledgerRow({ id: `row ${n}`, decision: "deny" }))
  }
  assert.equal(await ledger.prune(1_010_000), 11)
  const { rows } = await ledger.query()
  assert.deepEqual(ids(rows).at(-1), "row 10")
  assert.match(rows.at(-1)?.previousHash ?? "", /^[0-9a-f]{64}$/)
  const result = await ledger.verify()
  assert.deepEqual(result.ok ? [result.entries, result.rows] : result.problem, [11, 10])
  assert.equal(await ledger.prune(1_010_000), 0)
  // All but the last entry, which the next one stands on.
  await ledger.prune(9_000_000)
  const rest = await ledger.verify()
  assert.ok(rest.ok, JSON.stringify(rest))
  assert.deepEqual((await ledger.query()).rows, [])
  await ledger.begin(ledgerRow())
  assert.equal((await ledger.verify()).ok, true)
})

test("a ledger that keeps its last entries stays within its bound", async () => {
  await using opened = await open(undefined, { retainEntries: 400 })
  const { ledger } = opened
  for (let n = 0; n < 20; n++) {
    await Promise.all(Array.from({ length: 100 }, () => ledger.begin(ledgerRow({ decision: "deny" }))))
  }
  const result = await ledger.verify()
  assert.ok(result.ok && result.entries < 700, JSON.stringify(result))
})

test("verify is not misled by entries that are forgotten or added meanwhile", async () => {
  await using opened = await open(newDirectory())
  const { ledger } = opened
  await Promise.all(Array.from({ length: 5_000 }, () => ledger.begin(ledgerRow({ decision: "deny" }))))
  const verifying = ledger.verify()
  const pruned = ledger.prune(Date.now() + 1)
  const added = Promise.all(Array.from({ length: 500 }, () => ledger.begin(ledgerRow({ decision: "deny" }))))
  const result = await verifying
  assert.ok(result.ok, JSON.stringify(result))
  await Promise.all([pruned, added])
})

test("summary says what a run did", async () => {
  await using opened = await open()
  const { ledger } = opened
  for (let n = 0; n < 3; n++) await record(ledger, { runId: "run_a" })
  await record(ledger, { runId: "run_a", method: "POST", origin: "http://localhost:8080" })
  await record(ledger, { runId: "run_a", decision: "deny", reason: "no-rule", origin: "https://evil.example" })
  await record(ledger, { runId: "run_a", status: null, reason: "unreachable", origin: "https://down.example" })
  await record(ledger, { runId: "run_b" })
  await ledger.close()
  assert.deepEqual(await ledger.summary("run_a"), {
    runId: "run_a",
    attempts: 6,
    refused: 1,
    bytesIn: 500,
    bytesOut: 35,
    lines: [
      "read 3 times from api.github.com",
      "sent once to http://localhost:8080",
      "was refused evil.example (no-rule)",
      "could not reach down.example",
    ],
    text: "run_a read 3 times from api.github.com, sent once to http://localhost:8080, was refused evil.example (no-rule) and could not reach down.example.",
  })
  assert.equal((await ledger.summary("run_c")).text, "run_c reached for nothing.")
})

const hostile = '=HYPERLINK("http://evil")\r\n@x,"\u001b]0;owned\u0007\u202e\ud800\0'

test("hostile text is kept bounded, without queries, and still verifies", async () => {
  await using opened = await open(newDirectory())
  const { ledger } = opened
  await record(ledger, { tenant: hostile, path: `/a?token=secret#x`, reason: "r".repeat(9_000), runId: hostile })
  await record(ledger, { path: `/${"p".repeat(100_000)}`, ...({ deep: { a: [1] }, secrets: ["A", "B"] } as object) })
  await ledger.close()
  const result = await ledger.verify()
  assert.ok(result.ok, JSON.stringify(result))
  const [long, row] = (await ledger.query()).rows
  assert.equal(row?.path, "/a")
  assert.equal(row?.reason?.length, 1_001)
  assert.equal(long?.path.length, 2_049)
  assert.deepEqual((long as unknown as { secrets: unknown }).secrets, ["A", "B"])
  assert.equal((await ledger.query({ tenant: row?.tenant ?? "" })).rows.length, 1)
})

test("CSV holds no formula, no control character and one line per row; JSON lines hold all", async () => {
  await using opened = await open()
  const { ledger } = opened
  await record(ledger, { tenant: hostile, origin: "-1+cmd|' /C calc'!A0", reason: "\t=1", rule: 'a, "b"' })
  await ledger.close()
  const gather = async (pieces: AsyncIterable<string>): Promise<string> => {
    let text = ""
    for await (const piece of pieces) text += piece
    return text
  }
  const csv = await gather(ledger.export("csv"))
  const lines = csv.split("\r\n")
  assert.equal(lines.length, 3)
  assert.doesNotMatch(csv.replaceAll("\r\n", ""), /[\u0000-\u001f\u007f-\u009f\u202e]/)
  assert.ok(lines[1]?.includes(`"'=HYPERLINK(""http://evil"")`), lines[1])
  assert.ok(lines[1]?.includes(",'-1+cmd|' /C calc'!A0,"), lines[1])
  assert.ok(lines[1]?.includes(`"a, ""b"""`), lines[1])
  const jsonl = await gather(ledger.export("jsonl"))
  assert.doesNotMatch(jsonl.trimEnd(), /[\u0000-\u001f\u007f-\u009f]/)
  assert.equal((JSON.parse(jsonl) as RecordedRow).origin, "-1+cmd|' /C calc'!A0")
})
