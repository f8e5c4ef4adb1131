import assert from "node:assert/strict"
import { after, describe, it } from "node:test"
import { createPlatform } from "@mayfly/platform"
import { createKey, hashKey } from "../auth/api-key.ts"
import { createServer } from "../create-server.ts"
import type { LogEntry } from "../server-log.ts"
import { Metrics } from "./metrics.ts"

const platform = await createPlatform({ hosts: 1, spare: false })
const metrics = new Metrics(() => platform.stats(), { tenants: true })
const key = createKey()
const lines: LogEntry[] = []
const log = (entry: LogEntry): void => void lines.push(entry)
const { app } = createServer({ platform, keyHashes: [hashKey(key)], metrics, log })

after(async () => {
  metrics[Symbol.dispose]()
  await platform.dispose()
})

function call(path: string, init: RequestInit = {}): Promise<Response> {
  const headers = { authorization: `Bearer ${key}`, host: "localhost", ...(init.headers as Record<string, string>) }
  return Promise.resolve(app.request(`http://localhost${path}`, { ...init, headers }))
}

/** Series and values whose name begins so. */
async function series(prefix: string): Promise<Record<string, number>> {
  const text = await (await call("/metrics")).text()
  const found = text.split("\n").filter((line) => line.startsWith(prefix))
  return Object.fromEntries(found.map((line) => [line.slice(0, line.lastIndexOf(" ")), Number(line.split(" ").at(-1))]))
}

const run = (body: object): Promise<Response> => call("/v1/run", { method: "POST", body: JSON.stringify(body) })

describe("Metrics", () => {
  it("counts runs by outcome and tenant, what they reached for and what they said", async () => {
    await run({ script: "console.log('a'); return 1", tenant: "t1" })
    await run({ script: "throw new Error('x')", tenant: "t1" })
    await run({ script: "export default () => fetch('https://nowhere.example/').catch(() => 1)", tenant: "t2" })
    assert.deepEqual(await series("mayfly_runs_total"), {
      'mayfly_runs_total{outcome="ok",tenant="t1"}': 1,
      'mayfly_runs_total{outcome="worker.guest",tenant="t1"}': 1,
      'mayfly_runs_total{outcome="ok",tenant="t2"}': 1,
    })
    assert.deepEqual(await series("mayfly_egress_total"), { 'mayfly_egress_total{decision="deny",tenant="t2"}': 1 })
    assert.deepEqual(await series("mayfly_guest_log_lines_total"), { mayfly_guest_log_lines_total: 1 })
    assert.deepEqual(await series("mayfly_run_cpu_seconds_count"), { mayfly_run_cpu_seconds_count: 3 })
    assert.deepEqual(await series("mayfly_hosts"), { mayfly_hosts: 1 })
  })

  it("names routes by their pattern, and one series holds all that is no route", async () => {
    await call("/v1/workflows/secret-name")
    for (let count = 0; count < 20; count++) await call(`/v1/guess-${count}/x?token=1`)
    await call("/healthz", { method: "PROPFIND" })
    const found = await series("mayfly_http_request_duration_seconds_count")
    const route = (labels: string): number | undefined => found[`mayfly_http_request_duration_seconds_count{${labels}}`]
    assert.equal(route('method="GET",route="/v1/workflows/:id",status="404"'), 1)
    assert.equal(route('method="GET",route="other",status="404"'), 20)
    assert.equal(route('method="OTHER",route="other",status="404"'), 1)
    assert.doesNotMatch(Object.keys(found).join(), /guess|secret-name/)
  })

  it("keeps the number of tenants bounded", async () => {
    using many = new Metrics(() => platform.stats(), { tenants: true })
    const { tell } = await import("@mayfly/protocol")
    for (let count = 0; count < 1_000; count++)
      tell("run", { tenant: `t${count}`, outcome: "ok", cpuMs: 1, wallMs: 1, queueMs: 0 })
    const text = await many.text()
    assert.equal(text.match(/^mayfly_runs_total\{/gm)?.length, 201)
    assert.match(text, /mayfly_runs_total\{outcome="ok",tenant="other"\} 800/)
  })

  it("needs a key that may read it", async () => {
    const answer = await app.request("http://localhost/metrics", { headers: { host: "localhost" } })
    assert.equal(answer.status, 401)
    const open = createServer({ platform, keyHashes: [], metrics, metricsAreOpen: true, log }).app
    const opened = await open.request("http://localhost/metrics", { headers: { host: "localhost" } })
    assert.deepEqual([opened.status, opened.headers.get("content-type")], [200, metrics.contentType])
    const foreign = await open.request("http://localhost/metrics", { headers: { host: "evil.example" } })
    assert.equal(foreign.status, 403)
    const off = await createServer({ platform, keyHashes: [hashKey(key)], log }).app.request(
      "http://localhost/metrics",
      {
        headers: { host: "localhost", authorization: `Bearer ${key}` },
      },
    )
    assert.equal(off.status, 404)
  })

  it("counts streams while somebody reads them", async () => {
    const stream = await call("/v1/ledger", { headers: { accept: "text/event-stream" } })
    assert.deepEqual(await series("mayfly_http_open_streams"), { mayfly_http_open_streams: 1 })
    await stream.body?.cancel()
    assert.deepEqual(await series("mayfly_http_open_streams"), { mayfly_http_open_streams: 0 })
  })
})

describe("observeRequests", () => {
  it("logs each request by its pattern, with its id and key, and nothing that is secret", async () => {
    lines.length = 0
    const headers = { "x-request-id": "mine-1" }
    const body = JSON.stringify({ script: "console.log('said'); return 'body-text'" })
    await call("/v1/run?key=query-text", { method: "POST", headers, body })
    await call("/v1/workflows/path-text")
    await call("/healthz")
    const { durationMs, ...rest } = lines[0] ?? assert.fail("nothing was logged")
    assert.equal(typeof durationMs, "number")
    assert.equal(lines.length, 3)
    assert.deepEqual(
      lines.map(({ route, level, status, keyId }) => [route, level, status, keyId]),
      [
        ["/v1/run", "info", rest["status"], "admin"],
        ["/v1/workflows/:id", "info", 404, "admin"],
        ["/healthz", "debug", 200, undefined],
      ],
    )
    assert.equal(rest.requestId, "mine-1")
    assert.doesNotMatch(JSON.stringify(lines), /mf_|query-text|path-text|body-text|said/)
  })
})
