import assert from "node:assert/strict"
import { mkdtempSync, rmSync } from "node:fs"
import { createServer } from "node:http"
import type { AddressInfo } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { DatabaseSync } from "node:sqlite"
import { after, test } from "node:test"
import { createLedger, type RecordedRow } from "@mayfly/mesh/ledger"
import type { LedgerRow } from "@mayfly/protocol"
import { openStore } from "@mayfly/store"
import { mayfly, startMayfly } from "./mayfly-process.ts"

const folder = mkdtempSync(join(tmpdir(), "mayfly-ledger-e2e-"))
after(() => rmSync(folder, { recursive: true }))
const reached = createServer((_request, response) => response.end("reached"))
await new Promise<void>((resolve) => reached.listen(0, "127.0.0.1", resolve))
after(() => reached.close())
const origin = `http://127.0.0.1:${(reached.address() as AddressInfo).port}`

const data = join(folder, "data")
const server = startMayfly(["serve", "--port", "0", "--data", data, "--set", "privateTenants=*"])
after(() => server.child.kill("SIGKILL"))
const [, key = ""] = await server.output(/admin key: (mf_\S+)/)
const [, url = ""] = await server.output(/serving at (\S+)/)

async function call(path: string, init: RequestInit = {}): Promise<Response> {
  const headers = { authorization: `Bearer ${key}`, ...(init.headers as Record<string, string>) }
  return fetch(`${url}${path}`, { ...init, headers })
}

async function run(script: string, more: object = {}): Promise<string> {
  const body = JSON.stringify({ script, network: { allowedOrigins: [origin] }, ...more })
  const response = await call("/v1/run", { method: "POST", body })
  return ((await response.json()) as { id: string }).id
}

const jsonLines = (text: string): RecordedRow[] =>
  text
    .trim()
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line) as RecordedRow)

test("a served ledger is on HTTP, and for commands beside the server", { timeout: 120_000 }, async () => {
  const id = await run(`await fetch("${origin}/a?secret=1"); await fetch("https://evil.example/").catch(() => {})`)
  await run(`await fetch("${origin}/b")`, { tenant: "other" })

  const page = (await (await call(`/v1/ledger?run=${id}`)).json()) as { rows: RecordedRow[]; next: string | null }
  assert.deepEqual(
    page.rows.map(({ origin: to, path, decision, status, outcome }) => [to, path, decision, status, outcome]),
    [
      ["https://evil.example", "/", "deny", null, "known"],
      [origin, "/a", "allow", 200, "known"],
    ],
  )
  const first = (await (await call("/v1/ledger?limit=2")).json()) as { rows: RecordedRow[]; next: string }
  const second = (await (await call(`/v1/ledger?limit=2&cursor=${first.next}`)).json()) as typeof page
  assert.deepEqual([first.rows.length, second.rows.length, second.next], [2, 1, null])
  const summary = (await (await call(`/v1/ledger/summary?run=${id}`)).json()) as { text: string }
  assert.equal(summary.text, `${id} read once from ${origin} and was refused evil.example (no-rule).`)
  assert.equal(((await (await call("/v1/ledger/verify")).json()) as { ok: boolean }).ok, true)

  const flags = ["--data", data]
  const listed = await mayfly(["ledger", "ls", ...flags, "--tenant", "default", "--json"])
  assert.deepEqual(
    jsonLines(listed.stdout).map(({ id: rowId }) => rowId),
    page.rows.map(({ id: rowId }) => rowId).toReversed(),
  )
  const refused = await mayfly(["ledger", "ls", ...flags, "--decision", "deny", "--since", "1h"])
  assert.match(refused.stdout, /^\S+ {2}deny {3}GET {2}https:\/\/evil\.example\/ {2}no-rule {2}default {2}run_\S+\n$/)
  const said = await mayfly(["ledger", "summary", ...flags, "--run", id])
  assert.equal(said.stdout, `${summary.text}\n`)
  const verified = await mayfly(["ledger", "verify", ...flags])
  assert.match(verified.stdout, /^the ledger is what was written: \d+ entries, 3 rows\nhead \d+:[0-9a-f]{64}\n$/)
  assert.equal(verified.code, 0)
  const csv = await mayfly(["ledger", "export", ...flags, "--csv"])
  assert.equal(csv.stdout.split("\r\n").length, 5)
})

test("GET /v1/ledger as events gives rows as they come, from a cursor on", { timeout: 60_000 }, async () => {
  const { latest } = (await (await call("/v1/ledger")).json()) as { latest: string }
  const stop = new AbortController()
  const headers = { accept: "text/event-stream", "last-event-id": latest }
  const response = await call("/v1/ledger?tenant=events", { headers, signal: stop.signal })
  const id = await run(`await fetch("${origin}/c")`, { tenant: "events" })
  let text = ""
  for await (const chunk of response.body ?? []) {
    text += Buffer.from(chunk as Uint8Array).toString()
    if (text.includes('"outcome":"known"')) break
  }
  stop.abort()
  assert.match(text, /^event: row\n/)
  assert.ok(text.includes(id))
  assert.match(text, /\nid: \d+\n/)
})

test("GET /v1/ledger needs the key, and refuses what can't be meant", async () => {
  assert.equal((await fetch(`${url}/v1/ledger`)).status, 401)
  for (const query of [
    "nonsense=1",
    "limit=0",
    "limit=x",
    "cursor=x",
    "since=yesterday",
    "decision=maybe",
    "run=a&run=b",
  ]) {
    const response = await call(`/v1/ledger?${query}`)
    assert.equal(response.status, 400, query)
    assert.equal(((await response.json()) as { error: { code: string } }).error.code, "input.invalid")
  }
  assert.equal((await call("/v1/ledger/summary")).status, 400)
})

test("mayfly ledger says what is wrong with its options, and that there is nothing", async () => {
  for (const args of [
    ["ls", "--since", "soon"],
    ["ls", "--limit", "many"],
    ["ls", "--decision", "maybe"],
    ["export", "--csv", "--json"],
    ["verify", "--expect", "1"],
    ["summary"],
    ["nonsense"],
  ]) {
    const { code, stderr } = await mayfly(["ledger", ...args, ...(args[0] === "nonsense" ? [] : ["--data", data])])
    assert.equal(code, 2, `${args.join(" ")}: ${stderr}`)
    assert.doesNotMatch(stderr, /\n {4}at /)
  }
  const none = await mayfly(["ledger", "ls", "--data", join(folder, "nowhere")])
  assert.equal(none.code, 1)
  assert.match(none.stderr, /store\.not-found/)
})

const hostile = "\u001b]0;owned\u0007\u001b[2J\r\nallow  GET  forged\u202e\u009b31m"

test("hostile rows command no terminal and forge no line; a changed row is found", async () => {
  const directory = join(folder, "hostile")
  {
    await using store = await openStore({ directory })
    await using ledger = createLedger({ store: async () => store, directory })
    const texts = { tenant: hostile, runId: hostile, origin: hostile, path: hostile, rule: hostile, reason: hostile }
    const numbers = { time: Date.now(), port: 1, status: null, bytesIn: 0, bytesOut: 0, durationMs: 0 }
    const lists = { policyHash: hostile, secrets: [hostile] }
    const row: LedgerRow = { id: "h", method: "GET", address: null, decision: "deny", ...texts, ...numbers, ...lists }
    await ledger.begin(row)
    await ledger.begin({ ...row, id: "=1+1", tenant: "=HYPERLINK(1)" })
  }
  const flags = ["--data", directory]
  const runs = [["ls"], ["export", "--csv"], ["export"], ["ls", "--json"], ["summary", "--run", hostile]]
  for (const args of runs) {
    const { stdout } = await mayfly(["ledger", ...args, ...flags])
    assert.doesNotMatch(stdout.replaceAll(/\r?\n/g, ""), /[\u0000-\u001f\u007f-\u009f]/, args.join(" "))
    assert.equal(stdout.trimEnd().split("\n").length, args.includes("--csv") ? 3 : args[0] === "summary" ? 1 : 2)
  }
  const database = new DatabaseSync(join(directory, "mayfly.db"))
  database.exec("UPDATE ledger_entries SET decision = 'allow' WHERE seq = 2")
  database.close()
  const verified = await mayfly(["ledger", "verify", ...flags, "--json"])
  assert.equal(verified.code, 1)
  const { problem } = JSON.parse(verified.stdout) as { problem: { kind: string; seq: number; id: string } }
  assert.deepEqual([problem.kind, problem.seq, problem.id], ["changed", 2, "h"])
})
