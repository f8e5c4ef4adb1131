import assert from "node:assert/strict"
import { once } from "node:events"
import { mkdtempSync, rmSync } from "node:fs"
import { createServer as createHttpServer } from "node:http"
import type { AddressInfo } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { after, before, describe, it } from "node:test"
import { createPlatform, DynamicWorker, DynamicWorkflow, type Platform } from "@mayfly/platform"
import { installTracer, startSpan, withinSpan } from "@mayfly/protocol"
import { createKey, hashKey } from "../auth/api-key.ts"
import { createServer, type ServerApp } from "../create-server.ts"
import { openTracing, type TracingOptions } from "./open-tracing.ts"
import { type OtlpReceiver, startOtlpReceiver, treeOf } from "./otlp-receiver.fixture.ts"

const key = createKey()
const callerTrace = "0af7651916cd43dd8448eb211c80319c"
const callerSpan = "b7ad6b7169203331"
const traceparent = `00-${callerTrace}-${callerSpan}-01`
const dataDir = mkdtempSync(join(tmpdir(), "mayfly-traces-"))
const seen: Record<string, unknown>[] = []
const upstream = createHttpServer((request, response) => {
  seen.push({ ...request.headers })
  response.end("ok")
})
let origin = ""
let platform: Platform
let app: ServerApp

before(async () => {
  upstream.listen(0, "127.0.0.1")
  await once(upstream, "listening")
  origin = `http://127.0.0.1:${(upstream.address() as AddressInfo).port}`
  await open()
})

after(async () => {
  await platform.dispose()
  upstream.closeAllConnections()
  upstream.close()
  rmSync(dataDir, { recursive: true, force: true })
})

async function open(): Promise<void> {
  platform = await createPlatform({ hosts: 1, spare: false, dataDir })
  app = createServer({ platform, keyHashes: [hashKey(key)], log: () => {} }).app
}

/** What `work` sends to a collector. */
async function traced(work: () => Promise<unknown>, options: Partial<TracingOptions> = {}): Promise<OtlpReceiver> {
  using receiver = await startOtlpReceiver()
  const common = { headers: {}, serviceName: "mayfly", sampleRatio: 1, propagateTo: [] }
  const onFailure = (message: string): void => assert.fail(message)
  {
    await using _tracing = await openTracing({ ...common, endpoint: receiver.url, onFailure, ...options })
    await work()
  }
  return receiver
}

function post(path: string, body: unknown, headers: Record<string, string> = { traceparent }): Promise<Response> {
  const init = { method: "POST", body: JSON.stringify(body) }
  const given = { authorization: `Bearer ${key}`, host: "localhost", "content-type": "application/json", ...headers }
  return Promise.resolve(app.request(`http://localhost${path}`, { ...init, headers: given }))
}

const fetching = (): object => ({
  script: `export default async () => (await fetch(${JSON.stringify(`${origin}/a?token=hidden`)}, { headers: { traceparent: "mine" } })).text()`,
  network: { allowedOrigins: [origin] },
})

describe("openTracing", () => {
  it("makes one tree of a request, its run and what that fetches, below the caller's span", async () => {
    seen.length = 0
    const { spans, headers } = await traced(() => post("/v1/run", fetching()), {
      propagateTo: [origin],
      headers: { "x-tenant": "t1" },
    })
    assert.deepEqual(treeOf(spans, callerSpan), [["POST /v1/run", ["run", "GET"]]])
    assert.deepEqual(new Set(spans.map(({ traceId }) => traceId)), new Set([callerTrace]))
    const fetched = spans.find(({ name }) => name === "GET")
    assert.equal(seen[0]?.["traceparent"], `00-${callerTrace}-${fetched?.spanId ?? ""}-01`)
    assert.equal(fetched?.attributes["http.response.status_code"], 200)
    assert.deepEqual([headers[0]?.["path"], headers[0]?.["x-tenant"]], ["/v1/traces", "t1"])
    assert.doesNotMatch(JSON.stringify(spans), /hidden|mf_/)
  })

  it("tells origins nothing of traces unless they are named, and begins a trace where there is no caller's", async () => {
    seen.length = 0
    const { spans } = await traced(() => post("/v1/run", fetching(), { traceparent: "00-zz-01" }))
    assert.equal(seen[0]?.["traceparent"], "mine")
    assert.deepEqual(treeOf(spans, ""), [["POST /v1/run", ["run", "GET"]]])
  })

  it("marks what failed with its code", async () => {
    const { spans } = await traced(() => post("/v1/run", { script: "throw new Error('x')" }))
    const run = spans.find(({ name }) => name === "run")
    assert.deepEqual([run?.isError, run?.attributes["error.type"]], [true, "worker.guest"])
  })

  it("makes what a binding's code runs a part of the call", async () => {
    const { spans } = await traced(async () => {
      const inner = await DynamicWorker.create({ script: "input + 1", platform })
      const outer = await DynamicWorker.create({
        script: "export default (input, env) => Promise.all([env.add(1), env.add(2)])",
        env: { add: (value: number) => inner.run(value) },
        platform,
      })
      const span = startSpan("test")
      assert.deepEqual(await withinSpan(span, () => outer.run()), [2, 3])
      span?.end()
    })
    assert.deepEqual(treeOf(spans, ""), [["test", ["run", ["binding", "run"], ["binding", "run"]]]])
    assert.equal(spans.find(({ name }) => name === "binding")?.attributes["mayfly.binding"], "env.add")
  })

  it("follows a step into its program, a binding, a request and a command", async () => {
    const { spans } = await traced(async () => {
      const span = startSpan("test")
      const workflow = await withinSpan(span, () =>
        DynamicWorkflow.create(platform.env.WORKFLOWS, {
          id: "chain",
          steps: [
            {
              name: "all",
              run: async (ctx) => {
                const sandbox = await ctx.sandbox("chain")
                const worker = await ctx.createWorker({
                  script: `export default async (url, env) => { await env.act(); return (await fetch(url)).text() }`,
                  env: { act: async () => (await sandbox.exec("true")).exitCode },
                  network: { allowedOrigins: [origin] },
                })
                return worker.run(`${origin}/chain`)
              },
            },
          ],
        }),
      )
      assert.equal(await workflow.result(), "ok")
      span?.end()
    })
    const step = ["workflow.step", ["run", "GET", ["binding", "sandbox.exec"]]]
    assert.deepEqual(treeOf(spans, ""), [["test", ["workflow.activation", step]]])
  })

  it("keeps a workflow in the trace of the request that created it, over a restart too", async () => {
    const steps = [
      { name: "first", code: "1" },
      { name: "wait", waitForEvent: "go" },
      { name: "second", code: "2" },
    ]
    const { spans } = await traced(async () => {
      assert.equal((await post("/v1/workflows", { id: "w1", steps })).status, 200)
      const parked = async (): Promise<boolean> =>
        (await (await platform.env.WORKFLOWS.get("w1")).status()).status === "waiting"
      while (!(await parked())) await new Promise((resolve) => setImmediate(resolve))
      await platform.dispose()
      await open()
      const instance = await platform.env.WORKFLOWS.get("w1")
      await instance.sendEvent({ type: "go", payload: null })
      assert.equal(await instance.result(), 2)
    })
    const activation = ["workflow.activation", ["workflow.step", "run"]]
    assert.deepEqual(treeOf(spans, callerSpan), [["POST /v1/workflows", activation, activation]])
    const names = spans
      .filter(({ name }) => name === "workflow.step")
      .map(({ attributes }) => attributes["mayfly.step"])
    assert.deepEqual(names, ["first", "second"])
  })

  it("shows commands in sandboxes, and nothing of what they are", async () => {
    const { spans } = await traced(async () => {
      await post("/v1/sandboxes", { id: "s1" })
      const ran = await post("/v1/sandboxes/s1/exec", { command: "exit 3 # hidden" })
      assert.equal(((await ran.json()) as { exitCode: number }).exitCode, 3)
    })
    const [exec] = spans.filter(({ name }) => name === "sandbox.exec")
    assert.equal(exec?.attributes["process.exit.code"], 3)
    assert.equal(spans.find(({ spanId }) => spanId === exec?.parentSpanId)?.name, "POST /v1/sandboxes/:id/exec")
    assert.doesNotMatch(JSON.stringify(spans), /hidden/)
  })

  it("goes on when the collector is gone, and says so once", async () => {
    const failures: string[] = []
    const refusing = createHttpServer((_, response) => response.writeHead(400).end("no")).listen(0, "127.0.0.1")
    await once(refusing, "listening")
    const endpoint = `http://127.0.0.1:${(refusing.address() as AddressInfo).port}`
    const onFailure = (message: string): void => void failures.push(message)
    await traced(() => post("/v1/run", { script: "1" }), { endpoint, onFailure })
    refusing.close()
    assert.equal(failures.length, 1)
  })

  it("is one for a process", async () => {
    await traced(async () => {
      assert.throws(() =>
        installTracer({ start: () => assert.fail(), within: (_, work) => work(), active: () => undefined }),
      )
    })
  })
})
