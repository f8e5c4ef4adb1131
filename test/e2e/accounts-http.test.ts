import assert from "node:assert/strict"
import { once } from "node:events"
import { createServer } from "node:http"
import type { AddressInfo } from "node:net"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { after, test } from "node:test"
import { startMayfly } from "./mayfly-process.ts"

const folder = mkdtempSync(join(tmpdir(), "mayfly-accounts-http-"))
// As for others than this machine.
const start = () => startMayfly(["serve", "--host", "0.0.0.0", "--port", "0", "--data", join(folder, "data")])
let server = start()
after(async () => {
  server.child.kill("SIGTERM")
  await server.finished
  rmSync(folder, { recursive: true, force: true })
})
const [, admin = ""] = await server.output(/admin key: (mf_\S+)/)
let [, url = ""] = await server.output(/serving at (\S+)/)

type Json = Record<string, unknown>
interface Answer {
  readonly status: number
  readonly headers: Headers
  readonly json: Json
  readonly code: unknown
}

async function call(method: string, path: string, body?: unknown, key = admin): Promise<Answer> {
  const headers = { authorization: `Bearer ${key}` }
  const given = body === undefined ? {} : { body: JSON.stringify(body) }
  const response = await fetch(url + path, { method, headers, ...given })
  const text = await response.text()
  const json = text === "" ? {} : (JSON.parse(text) as Json)
  return {
    status: response.status,
    headers: response.headers,
    json,
    code: (json["error"] as Json | undefined)?.["code"],
  }
}

async function keyOf(tenant: string, scopes: readonly string[]): Promise<string> {
  const { json } = await call("POST", "/v1/keys", { name: `${tenant}-${scopes.join("-")}`, scopes, tenant })
  return String(json["key"])
}

const loud = await keyOf("loud", ["run"])
const quiet = await keyOf("quiet", ["run"])
const tally = (answers: readonly Answer[]): Map<string, number> => {
  const counts = new Map<string, number>()
  for (const { status, code = "" } of answers) {
    const name = `${status} ${String(code)}`
    counts.set(name, (counts.get(name) ?? 0) + 1)
  }
  return counts
}

test("a thousand requests at once of a tenant at its limit: it gets its limit, another tenant all it asks for", async () => {
  await call("PUT", "/v1/tenants/loud", { quota: { concurrentRuns: 2, queuedRuns: 50, runsPerSecond: 20, burst: 100 } })
  const body = {
    script: "let sum = 0; for (let n = 0; n < 2e5; n++) sum += n; return input + (sum > 0 ? 1 : 0)",
    input: 1,
  }
  const flood = Promise.all(Array.from({ length: 1_000 }, () => call("POST", "/v1/run", body, loud)))
  const others: Answer[] = []
  for (let n = 0; n < 20; n++) others.push(await call("POST", "/v1/run", body, quiet))
  assert.deepEqual([...tally(others)], [["200 ", 20]])
  assert.deepEqual(new Set(others.map(({ json }) => json["result"])), new Set([2]))
  const answers = await flood
  const counts = tally(answers)
  const ok = counts.get("200 ") ?? 0
  assert.deepEqual(
    [...counts.keys()].filter((name) => !["200 ", "429 quota.rate", "429 quota.concurrency"].includes(name)),
    [],
  )
  assert.ok(ok >= 2 && ok < 600, JSON.stringify([...counts]))
  for (const { headers, status } of answers) if (status === 429) assert.match(headers.get("retry-after") ?? "", /^\d+$/)
  const refused = answers.find(({ status }) => status === 429)
  assert.match(refused?.headers.get("ratelimit-policy") ?? "", /^"runs";q=100;w=5$/)
  assert.match(refused?.headers.get("ratelimit") ?? "", /^"runs";r=\d+;t=\d+$/)
  const { json } = await call("GET", "/v1/usage?by=tenant")
  const rows = json["rows"] as { tenant: string; runs: number }[]
  assert.deepEqual(
    rows.filter(({ tenant }) => !tenant.startsWith("mayfly:")).map(({ tenant, runs }) => [tenant, runs]),
    [
      ["loud", ok],
      ["quiet", 20],
    ],
  )
})

test("usage is the sum of the runs' own words, as JSON and CSV, and each key sees its own tenant's", async () => {
  const key = await keyOf("sums", ["run"])
  const runs = []
  for (let n = 0; n < 3; n++) runs.push((await call("POST", "/v1/run", { script: `${n}` }, key)).json)
  const sum =
    runs.reduce((total, { usage }) => total + Math.round((usage as { cpuMs: number }).cpuMs * 1_000), 0) / 1_000
  const { json } = await call("GET", "/v1/usage?by=tenant,worker,day&compare=true", undefined, key)
  const { rows, total, compared } = json as {
    rows: { tenant: string }[]
    total: Json
    compared: { services: { usd: number }[] }
  }
  assert.deepEqual([rows.length, total["runs"], total["cpuMs"]], [3, 3, sum])
  assert.deepEqual(new Set(rows.map(({ tenant }) => tenant)), new Set(["sums"]))
  assert.deepEqual(
    compared.services.map(({ usd }) => usd > 0),
    [true, true, true],
  )
  assert.equal((await call("GET", "/v1/usage?tenant=quiet", undefined, key)).code, "auth.forbidden")
  const csv = await fetch(`${url}/v1/usage`, { headers: { authorization: `Bearer ${key}`, accept: "text/csv" } })
  const [head = "", line = ""] = (await csv.text()).split("\r\n")
  assert.equal(csv.headers.get("content-type"), "text/csv; charset=utf-8")
  assert.equal(head.split(",").slice(0, 4).join(), "tenant,runs,failedRuns,cpuMs")
  assert.equal(line.split(",").slice(0, 4).join(), `sums,3,0,${sum}`)
  for (const query of ["by=week", "from=2026-13-01", "from=yesterday", "to=2026-02-30", "compare=1", "x=1"])
    assert.equal((await call("GET", `/v1/usage?${query}`)).code, "input.invalid", query)
})

test("a tenant's own admin sees its quota and can't raise it; nobody else's key sees it", async () => {
  const owner = await keyOf("loud", ["admin"])
  const seen = await call("GET", "/v1/tenants/loud", undefined, owner)
  assert.deepEqual(seen.json["quota"], { concurrentRuns: 2, queuedRuns: 50, runsPerSecond: 20, burst: 100 })
  assert.equal((await call("PUT", "/v1/tenants/loud", { quota: {} }, owner)).code, "auth.forbidden")
  assert.equal((await call("GET", "/v1/tenants/quiet", undefined, owner)).code, "auth.forbidden")
  assert.equal((await call("GET", "/v1/tenants", undefined, owner)).code, "auth.forbidden")
  const bad = await call("PUT", "/v1/tenants/loud", { quota: { concurrentRuns: 0 } })
  assert.deepEqual([bad.status, bad.code], [400, "input.invalid"])
  const { json } = await call("GET", "/v1/tenants?limit=1000")
  const names = (json["tenants"] as { id: string }[]).map(({ id }) => id)
  assert.ok(names.includes("loud") && names.includes("quiet"))
})

test("the kill switch ends runs that are under way and refuses new ones, over kill -9 too, until it is lifted", async () => {
  const key = await keyOf("bad", ["run"])
  const body = { script: "await new Promise((resolve) => setTimeout(resolve, 60_000))", limits: { wallMs: 60_000 } }
  const running = [call("POST", "/v1/run", body, key), call("POST", "/v1/run", body, key)]
  for (let runs: unknown[] = []; runs.length < 2;)
    ({ runs } = (await call("GET", "/v1/runs?status=running", undefined, key)).json as { runs: unknown[] })
  const { json } = await call("PUT", "/v1/tenants/bad", { suspended: true, reason: "spam" })
  assert.equal((json["suspended"] as Json)["reason"], "spam")
  for (const { status, code } of await Promise.all(running)) assert.deepEqual([status, code], [200, "tenant.suspended"])
  assert.deepEqual((({ status, code }) => [status, code])(await call("POST", "/v1/run", { script: "1" }, key)), [
    403,
    "tenant.suspended",
  ])
  server.child.kill("SIGKILL")
  await server.finished
  server = start()
  ;[, url = ""] = await server.output(/serving at (\S+)/)
  assert.equal((await call("POST", "/v1/run", { script: "1" }, key)).code, "tenant.suspended")
  await call("PUT", "/v1/tenants/bad", { suspended: false })
  assert.equal((await call("POST", "/v1/run", { script: "1" }, key)).json["result"], 1)
})

test("runs are listed, shown and cancelled by the tenant that they are of, and by nobody else", async () => {
  const key = await keyOf("past", ["run"])
  const done = await call("POST", "/v1/run", { script: "console.log('x'); return { a: 1n }" }, key)
  const body = { script: "for (;;) {}", limits: { cpuMs: null, wallMs: null } }
  const running = call("POST", "/v1/run", body, key)
  let live = ""
  while (live === "") {
    const { json } = await call("GET", "/v1/runs?status=running", undefined, key)
    live = (json["runs"] as { id: string }[])[0]?.id ?? ""
  }
  const id = String(done.json["id"])
  const shown = (await call("GET", `/v1/runs/${id}`, undefined, key)).json
  const { startedAt: _, endedAt: _ended, logs, hash, worker, ...rest } = shown
  assert.deepEqual([hash, (logs as { message: string }[])[0]?.message], [worker, "x"])
  assert.deepEqual(rest, {
    id,
    tenant: "past",
    status: "succeeded",
    usage: done.json["usage"],
    egress: 0,
    result: { a: { $bigint: "1" } },
  })
  for (const path of [`/v1/runs/${id}`, `/v1/runs/${live}`])
    assert.equal((await call("GET", path, undefined, quiet)).code, "run.not-found")
  assert.equal((await call("POST", `/v1/runs/${live}/cancel`, undefined, quiet)).code, "run.not-found")
  assert.deepEqual((await call("POST", `/v1/runs/${live}/cancel`, undefined, key)).json, { id: live })
  assert.deepEqual((await running).code, "worker.aborted")
  assert.deepEqual(
    (({ status, code }) => [status, code])(await call("POST", `/v1/runs/${live}/cancel`, undefined, key)),
    [409, "run.ended"],
  )
  const { json } = await call("GET", "/v1/runs?limit=1", undefined, key)
  assert.deepEqual(
    (json["runs"] as { id: string }[]).map((run) => run.id),
    [live],
  )
  const next = await call("GET", `/v1/runs?limit=1&cursor=${String(json["cursor"])}`, undefined, key)
  assert.deepEqual(
    [(next.json["runs"] as { id: string }[]).map((run) => run.id), next.json["cursor"]],
    [[id], undefined],
  )
})

test("a tenant's policy opens no private address; the operator's own does", async () => {
  const inside = createServer((_request, response) => response.end("inside")).listen(0, "127.0.0.1")
  after(() => inside.close())
  await once(inside, "listening")
  const origin = `http://127.0.0.1:${(inside.address() as AddressInfo).port}`
  const script = "(url) => fetch(url).then((response) => response.text())"
  const outcome = async (key: string): Promise<unknown> => {
    const body = { script, input: origin, network: { allowedOrigins: [origin] } }
    const { json } = await call("POST", "/v1/run", body, key)
    return json["result"] ?? (json["error"] as Json)["code"]
  }
  assert.deepEqual([await outcome(quiet), await outcome(admin)], ["mesh.denied", "inside"])
})
