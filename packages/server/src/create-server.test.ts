import assert from "node:assert/strict"
import { after, test } from "node:test"
import { createPlatform } from "@mayfly/platform"
import { createKey, hashKey } from "./auth/api-key.ts"
import { createServer, type ServerOptions } from "./create-server.ts"
import type { LogEntry } from "./server-log.ts"

const platform = await createPlatform({ hosts: 1, spare: false })
after(() => platform.dispose())

const key = createKey()
const bearer = { authorization: `Bearer ${key}` }
const server = (options: Partial<ServerOptions> = {}) =>
  createServer({ platform, keyHashes: [hashKey(key)], ...options })
const { app } = server()

type Json = Record<string, unknown> & { error: Record<string, unknown> }

async function run(body: unknown, to = app): Promise<{ status: number; json: Json }> {
  const text = typeof body === "string" ? body : JSON.stringify(body)
  const response = await to.request("/v1/run", { method: "POST", headers: bearer, body: text })
  return { status: response.status, json: (await response.json()) as Json }
}

test("POST /v1/run gives the object of run --json, the input and result in tagged JSON", async () => {
  const { status, json } = await run({
    script: "console.log('hi'); return { sum: input.big + 1n, at: env.day, who: ctx.props.name }",
    input: { big: { $bigint: "41" } },
    env: { day: { $date: "2026-01-02T03:04:05.000Z" } },
    props: { name: "x" },
  })
  const { id, logs, usage, ...rest } = json
  assert.equal(status, 200)
  assert.match(String(id), /^run_/)
  assert.equal((logs as { message: string }[])[0]?.message, "hi")
  assert.equal(typeof (usage as { cpuMs: number }).cpuMs, "number")
  const result = { sum: { $bigint: "42" }, at: { $date: "2026-01-02T03:04:05.000Z" }, who: "x" }
  assert.deepEqual(rest, { ok: true, result, egress: [] })
})

test("POST /v1/run leaves out an undefined result", async () => {
  const { json } = await run({ script: "undefined" })
  assert.equal(json["ok"], true)
  assert.equal("result" in json, false)
})

test("POST /v1/run answers 200 when the guest failed, in running or before", async () => {
  for (const [script, code] of [
    ["throw new TypeError('no')", "worker.guest"],
    ["const x =", "worker.syntax"],
    ["import './nowhere.js'", "worker.module-not-found"],
  ]) {
    const { status, json } = await run({ script })
    assert.equal(status, 200)
    assert.equal(json["ok"], false)
    assert.equal(json.error["code"], code)
    assert.deepEqual(Object.keys(json).toSorted(), ["egress", "error", "id", "logs", "ok", "usage"])
  }
})

test("POST /v1/run can't take a WebSocket: the run fails with a code, and the guest's side is closed", async () => {
  const script = `export default { async fetch(request, env, ctx) {
    const { 0: client, 1: server } = new WebSocketPair()
    server.accept()
    server.addEventListener("close", ({ code }) => console.log("closed", code))
    return new Response(null, { status: 101, webSocket: client }) } }`
  const request = { url: "https://a.b/", headers: { upgrade: "websocket" } }
  const { status, json } = await run({ script, request })
  assert.deepEqual([status, json["ok"], json.error["code"]], [200, false, "worker.unsupported"])
  assert.equal((json["logs"] as { message: string }[])[0]?.message, "closed 1001")
  const headers = { ...bearer, accept: "text/event-stream" }
  const events = await app.request("/v1/run", { method: "POST", headers, body: JSON.stringify({ script, request }) })
  assert.match(await events.text(), /event: error\ndata: .*"worker\.unsupported"/)
})

test("POST /v1/run calls a fetch handler with a request", async () => {
  const script =
    "export default { async fetch(r) { return new Response(r.method + r.headers.get('a') + await r.text(), { status: 201 }) } }"
  const { json } = await run({
    script,
    request: { url: "http://app/x", method: "PUT", headers: { a: "b" }, body: "c" },
  })
  const { status, body } = json["result"] as { status: number; body: string }
  assert.deepEqual({ status, body }, { status: 201, body: "PUTbc" })
})

test("POST /v1/run takes modules of every kind", async () => {
  const modules = {
    "main.js":
      'import a from "./a.ts"; import b from "./b"; import t from "./t.txt"; import j from "./j.json"; import d from "./d.bin"\nexport default () => [a, b.v, t, j, [...new Uint8Array(d)]]',
    "a.ts": { ts: "export default 1 as number" },
    b: { cjs: "exports.v = 2" },
    "t.txt": { text: "three" },
    "j.json": { json: { four: 4 } },
    "d.bin": { data: "BQY=" },
  }
  const { json } = await run({ modules, mainModule: "main.js" })
  assert.deepEqual(json["result"], [1, 2, "three", { four: 4 }, [5, 6]])
})

test("POST /v1/run answers 400 input.invalid, with its path, for what is wrong with the request", async () => {
  for (const [body, path] of [
    [{ script: "1", scripts: "2" }, "scripts"],
    [{ script: 1 }, "script"],
    [{}, "script"],
    [{ script: "1", limits: { cpuMs: "1" } }, "limits.cpuMs"],
    [{ script: "1", limits: { cpu: 1 } }, "limits.cpu"],
    [{ script: "1", env: [] }, "env"],
    [{ script: "1", input: 1, request: { url: "http://a" } }, "input"],
    [{ script: "1", request: { url: "/relative" } }, "request.url"],
    [{ script: "1", request: { url: "http://a", headers: { a: 1 } } }, 'request.headers["a"]'],
    [{ script: "1", request: { url: "http://a", method: "GET", body: "x" } }, "request"],
    [{ script: "1", tenant: "a/b" }, "tenant"],
    [{ script: "1", language: "ruby" }, "language"],
    [{ modules: { a: { data: "%%" } }, mainModule: "a" }, 'modules["a"].data'],
  ] as const) {
    const { status, json } = await run(body)
    assert.equal(status, 400, JSON.stringify(json))
    const { code, details, fix, retry, requestId } = json.error
    assert.deepEqual({ code, retry }, { code: "input.invalid", retry: false })
    assert.equal((details as { path: string }).path, path)
    assert.equal(typeof fix, "string")
    assert.match(String(requestId), /^req_/)
  }
})

test("POST /v1/run answers 400 for a body that is no JSON, nothing, or nested beyond any stack", async () => {
  const deep = `{"script":"1","input":${"[".repeat(50_000)}${"]".repeat(50_000)}}`
  for (const body of ["", "{", "[]", "null", '"x"', deep]) {
    const { status, json } = await run(body)
    assert.deepEqual({ status, code: json.error["code"] }, { status: 400, code: "input.invalid" }, body.slice(0, 20))
  }
})

test("POST /v1/run refuses a body past the limit, announced or not", async () => {
  const small = server({ maxBodyBytes: 100 }).app
  const text = JSON.stringify({ script: `/*${"x".repeat(200)}*/` })
  const chunked = new ReadableStream({ start: (c) => (c.enqueue(new TextEncoder().encode(text)), c.close()) })
  const init = { method: "POST", headers: bearer, duplex: "half" } as const
  for (const request of [
    new Request("http://localhost/v1/run", {
      ...init,
      body: text,
      headers: { ...bearer, "content-length": String(text.length) },
    }),
    new Request("http://localhost/v1/run", { ...init, body: chunked }),
  ]) {
    const response = await small.request(request)
    assert.equal(response.status, 413)
    assert.equal(((await response.json()) as Json).error["code"], "server.too-large")
  }
})

test("every route but the health checks wants a key of this server", async () => {
  for (const [headers, code] of [
    [{}, "auth.missing"],
    [{ authorization: "Basic x" }, "auth.invalid"],
    [{ authorization: `Bearer ${createKey()}` }, "auth.invalid"],
    [{ authorization: "Bearer mf_short" }, "auth.invalid"],
  ] as const) {
    for (const path of ["/v1/run", "/nowhere", "/"]) {
      const response = await app.request(path, { method: "POST", headers })
      assert.equal(response.status, 401)
      assert.equal(((await response.json()) as Json).error["code"], code)
    }
  }
  assert.equal((await app.request("/healthz")).status, 200)
  const ready = await app.request("/readyz")
  assert.deepEqual([ready.status, await ready.json()], [200, { status: "ready" }])
})

test("an unknown route is server.not-found", async () => {
  const response = await app.request("/v2/run", { headers: bearer })
  assert.equal(response.status, 404)
  assert.equal(((await response.json()) as Json).error["code"], "server.not-found")
})

test("answers carry a request id, the caller's when it is harmless, and headers that forbid running and framing", async () => {
  const response = await app.request("/healthz", { headers: { "x-request-id": "abc-1" } })
  assert.equal(response.headers.get("x-request-id"), "abc-1")
  assert.equal(response.headers.get("x-content-type-options"), "nosniff")
  assert.equal(response.headers.get("cache-control"), "no-store")
  assert.match(response.headers.get("content-security-policy") ?? "", /default-src 'none'/)
  const odd = await app.request("/healthz", { headers: { "x-request-id": "<script>" } })
  assert.match(odd.headers.get("x-request-id") ?? "", /^req_/)
})

test("a failure of ours is server.internal: the client gets no text of it, the log gets all", async () => {
  const entries: LogEntry[] = []
  const broken = {
    ...platform,
    get runtime(): never {
      throw new Error("secret path")
    },
  }
  const { status, json } = await run(
    { script: "1" },
    server({ platform: broken, log: (entry) => entries.push(entry) }).app,
  )
  assert.equal(status, 500)
  assert.equal(json.error["code"], "server.internal")
  assert.equal(JSON.stringify(json).includes("secret path"), false)
  assert.equal(entries[0]?.message, "secret path")
  assert.equal(entries[0]?.requestId, json.error["requestId"])
})

test("runs past maxRequests are told to come back, and the slot is free again afterwards", async () => {
  const one = server({ maxRequests: 1 }).app
  const [first, second] = await Promise.all([run({ script: "1" }, one), run({ script: "2" }, one)])
  assert.deepEqual([first.status, second.status], [200, 429])
  assert.equal(second.json.error["code"], "worker.queue-full")
  assert.equal((await run({ script: "3" }, one)).status, 200)
})

test("bodies past maxHeldBytes are told to come back", async () => {
  const { status, json } = await run({ script: "1", input: "x".repeat(100) }, server({ maxHeldBytes: 50 }).app)
  assert.deepEqual({ status, code: json.error["code"] }, { status: 429, code: "worker.queue-full" })
})

test("Accept: text/event-stream gives logs as they happen and ends with the run", async () => {
  const init = {
    method: "POST",
    headers: { ...bearer, accept: "text/event-stream" },
    body: JSON.stringify({ script: "console.log(1); 2" }),
  }
  const response = await app.request("/v1/run", init)
  assert.equal(response.headers.get("content-type"), "text/event-stream")
  const events = parseEvents(await response.text())
  assert.deepEqual(
    events.map(({ event }) => event),
    ["log", "result"],
  )
  assert.equal(events[0]?.data["message"], "1")
  const { result, run: whole } = (events[1]?.data ?? {}) as { result: number; run: Json }
  assert.deepEqual([result, whole["ok"], whole["result"]], [2, true, 2])
})

test("an event stream has the values of a generator, and a run without it an array of them", async () => {
  const script = "export default function* () { yield 1n; console.log('between'); yield 2; return 'end' }"
  const request = (accept: string): Promise<Response> =>
    Promise.resolve(
      app.request("/v1/run", { method: "POST", headers: { ...bearer, accept }, body: JSON.stringify({ script }) }),
    )
  const events = parseEvents(await (await request("text/event-stream")).text())
  assert.deepEqual(
    events.map(({ event, data }) => [event, data["value"] ?? data["message"] ?? data["result"]]),
    [
      ["value", { $bigint: "1" }],
      ["log", "between"],
      ["value", 2],
      ["result", "end"],
    ],
  )
  const whole = (await (await request("application/json")).json()) as { result: unknown }
  assert.deepEqual(whole.result, [{ $bigint: "1" }, 2])
})

test("typecheck and declarations check a program before it runs", async () => {
  const check = async (script: string): Promise<unknown> => {
    const body = JSON.stringify({ script, typecheck: true, declarations: "interface Env { a: { b(): number } }" })
    const response = await app.request("/v1/run", { method: "POST", headers: bearer, body })
    const { ok, error } = (await response.json()) as { ok: boolean; error?: Json }
    return [response.status, ok, error?.["code"]]
  }
  assert.deepEqual(await check("env.a.c()"), [200, false, "worker.typecheck"])
  assert.deepEqual(await check("typeof input"), [200, true, undefined])
})

test("an event stream ends with an error event, also for a program that can't be compiled", async () => {
  for (const [script, code] of [
    ["throw new Error('x')", "worker.guest"],
    ["const", "worker.syntax"],
  ]) {
    const init = {
      method: "POST",
      headers: { ...bearer, accept: "text/event-stream" },
      body: JSON.stringify({ script }),
    }
    const last = parseEvents(await (await app.request("/v1/run", init)).text()).at(-1)
    assert.equal(last?.event, "error")
    const { error, run: whole } = last.data as { error: Json; run: Json }
    assert.deepEqual([error["code"], whole["ok"], whole.error["code"]], [code, false, code])
  }
})

function parseEvents(text: string): { event: string; data: Record<string, unknown> }[] {
  return text
    .split("\n\n")
    .filter((block) => block.includes("data: "))
    .map((block) => ({
      event: /^event: (.*)$/m.exec(block)?.[1] ?? "",
      data: JSON.parse(/^data: (.*)$/m.exec(block)?.[1] ?? "{}") as Record<string, unknown>,
    }))
}

test("GET /v1/approvals as events gives what is there, then each question and decision", async (t) => {
  const asking = await createPlatform({ hosts: 1, spare: false, attended: true })
  const gone = new AbortController()
  t.after(() => {
    gone.abort()
    return asking.dispose()
  })
  const { app: to } = server({ platform: asking })
  const ask = (path: string, tenant: string): Promise<unknown> => {
    const question = { tenant, runId: `run_${path}`, method: "GET", origin: "https://a.example", path }
    return asking.approvals.ask(question, AbortSignal.timeout(10_000)).catch(() => {})
  }
  void ask("/first", "a")
  while ((await asking.approvals.list()).length === 0);
  const headers = { ...bearer, accept: "text/event-stream" }
  const response = await to.request("/v1/approvals?tenant=a", { headers, signal: gone.signal })
  const events = eventsOf(response)
  const first = await events.next()
  void ask("/other", "b")
  void ask("/second", "a")
  const second = await events.next()
  await asking.approvals.decide(String(first.value?.["id"]), { decision: "deny" })
  const third = await events.next()
  assert.deepEqual(
    [first, second, third].map(({ value }) => [value?.["path"], value?.["status"]]),
    [
      ["/first", "pending"],
      ["/second", "pending"],
      ["/first", "denied"],
    ],
  )
  gone.abort()
  assert.equal((await events.next()).done, true)
})

async function* eventsOf(response: Response): AsyncGenerator<Record<string, unknown>> {
  assert.ok(response.body)
  let text = ""
  for await (const chunk of response.body.pipeThrough(new TextDecoderStream())) {
    text += chunk
    for (let end = text.indexOf("\n\n"); end !== -1; end = text.indexOf("\n\n")) {
      const data = /^data: (.*)$/m.exec(text.slice(0, end))?.[1]
      text = text.slice(end + 2)
      if (data !== undefined) yield JSON.parse(data) as Record<string, unknown>
    }
  }
}
