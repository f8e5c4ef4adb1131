import assert from "node:assert/strict"
import { after, test } from "node:test"
import { createPlatform } from "@mayfly/platform"
import { createKey, hashKey } from "./auth/api-key.ts"
import { createServer } from "./create-server.ts"
import type { Route } from "./route/route.ts"
import { routes } from "./route-groups.ts"

/** Answers of the real API beside what the OpenAPI document says of them: clients are made from that. */
const platform = await createPlatform({ hosts: 1, spare: false, attended: true })
const key = createKey()
const { app, close } = createServer({ platform, keyHashes: [hashKey(key)] })
after(async () => {
  await close()
  await platform.dispose()
})

const seen = new Set<string>()

function routeOf(method: string, path: string): Route {
  const found = routes.find(({ method: one, path: pattern }) => {
    const expression = pattern.replaceAll(/:\w+\{[^}]*\}/g, ".+").replaceAll(/:\w+/g, "[^/]+")
    return one.toUpperCase() === method && new RegExp(`^${expression}$`).test(path)
  })
  assert.ok(found !== undefined, `${method} ${path}`)
  return found
}

async function ask(method: string, target: string, body?: unknown, accept = "application/json"): Promise<Response> {
  const headers = { authorization: `Bearer ${key}`, accept }
  const given = body === undefined ? {} : { body: typeof body === "string" ? body : JSON.stringify(body) }
  return app.request(target, { method, headers, ...given })
}

/** The answer, which is of the status and the shape that its route declares, and holds nothing else. */
async function answer(method: string, target: string, body?: unknown): Promise<Record<string, unknown>> {
  const { answer: declared, path } = routeOf(method, target.replace(/\?.*/, ""))
  const response = await ask(method, target, body)
  const text = await response.text()
  assert.equal(response.status, declared.status ?? (declared.json === undefined ? 204 : 200), `${target}: ${text}`)
  if (declared.json === undefined) return {}
  const value = JSON.parse(text) as Record<string, unknown>
  assert.deepEqual(declared.json.parse(value), value, `${method} ${path}`)
  seen.add(`${method} ${path}`)
  return value
}

/** The names of the events, each of which has the shape that its route declares. */
async function events(method: string, target: string, body?: unknown, most = Infinity): Promise<string[]> {
  const { answer: declared, path } = routeOf(method, target.replace(/\?.*/, ""))
  const response = await ask(method, target, body, "text/event-stream")
  const names: string[] = []
  let rest = ""
  for await (const chunk of (response.body ?? []) as AsyncIterable<Uint8Array>) {
    const blocks = `${rest}${Buffer.from(chunk).toString()}`.split("\n\n")
    rest = blocks.pop() ?? ""
    for (const block of blocks) {
      const [, name = ""] = /^event: (.*)$/m.exec(block) ?? []
      const data = JSON.parse(/^data: (.*)$/m.exec(block)?.[1] ?? "null") as unknown
      const schema = declared.events?.[name]
      assert.ok(schema !== undefined, `${method} ${path}: event ${name} is not documented`)
      assert.deepEqual(schema.parse(data), data, `${method} ${path}: ${name}`)
      names.push(name)
    }
    if (names.length >= most) break
  }
  return names
}

const asking = "console.log('hi'); await fetch('http://example.invalid/a').catch(() => {}); return { a: 1n }"

test("runs, the ledger and approvals answer as documented", async () => {
  const run = await answer("POST", "/v1/run", { script: asking })
  await answer("POST", "/v1/run", { script: "throw new Error('no')" })
  assert.deepEqual(await events("POST", "/v1/run", { script: asking }), ["log", "egress", "result"])
  assert.deepEqual(await events("POST", "/v1/run", { script: "throw 1" }), ["error"])
  const generator = "export default async function* () { yield 1 }"
  assert.deepEqual(await events("POST", "/v1/run", { script: generator }), ["value", "result"])
  await answer("GET", "/v1/ledger?limit=1")
  await answer("GET", `/v1/ledger/summary?run=${String(run["id"])}`)
  await answer("GET", "/v1/ledger/verify")
  const question = { script: asking, network: { defaultPolicy: "ask" }, limits: { wallMs: 500 } }
  await answer("POST", "/v1/run", question)
  await answer("POST", "/v1/run", { ...question, script: asking.replace("/a", "/b") })
  const { approvals } = await answer("GET", "/v1/approvals")
  const [first, second] = approvals as { id: string }[]
  await answer("GET", `/v1/approvals/${first?.id}`)
  await answer("POST", `/v1/approvals/${first?.id}/allow`)
  await answer("POST", `/v1/approvals/${second?.id}/deny`, { scope: "tenant", by: "ada" })
  assert.deepEqual(await events("GET", "/v1/approvals", undefined, 2), ["approval", "approval"])
})

test("workflows and hooks answer as documented", async () => {
  const steps = [
    { name: "add", code: "return input.a + 1", input: { a: 1 } },
    { name: "wait", waitForEvent: "go" },
  ]
  await answer("POST", "/v1/workflows", { id: "w", steps })
  await answer("GET", "/v1/workflows")
  let waits: { token: string }[] = []
  while (waits.length === 0) waits = (await answer("GET", "/v1/workflows/w"))["waits"] as typeof waits
  await answer("POST", "/v1/workflows/w/pause")
  await answer("POST", "/v1/workflows/w/resume", {})
  await answer("POST", `/v1/hooks/${waits[0]?.token}`, { approved: true })
  assert.ok((await events("GET", "/v1/workflows/w/events")).at(-1) === "end")
  await answer("GET", "/v1/workflows/w/history")
  await answer("POST", "/v1/workflows/w/restart", { from: "wait" })
  await answer("POST", "/v1/workflows/w/events", { type: "go" })
  await events("GET", "/v1/workflows/w/events")
  await answer("POST", "/v1/workflows", { id: "v", script: "export default { run() { throw new Error('no') } }" })
  await events("GET", "/v1/workflows/v/events")
  await answer("GET", "/v1/workflows/v")
  await answer("POST", "/v1/workflows", { id: "t", steps })
  await answer("POST", "/v1/workflows/t/terminate", { rollback: true })
  await answer("DELETE", "/v1/workflows/t")
})

test("sandboxes and files answer as documented", async () => {
  await answer("POST", "/v1/sandboxes", { id: "box" })
  await answer("GET", "/v1/sandboxes")
  await answer("PUT", "/v1/sandboxes/box/files/a/b.txt?mode=644", "hello")
  await answer("GET", "/v1/sandboxes/box/files?recursive=true")
  await answer("POST", "/v1/sandboxes/box/exec", { command: "cat a/b.txt; exit 3" })
  assert.deepEqual(await events("POST", "/v1/sandboxes/box/exec", { command: "echo 1" }), ["output", "result"])
  await answer("GET", "/v1/sandboxes/box")
  await answer("DELETE", "/v1/sandboxes/box/files/a?recursive=true")
  await answer("DELETE", "/v1/sandboxes/box")
})

test("secrets, keys and the rest answer as documented", async () => {
  await answer("PUT", "/v1/secrets/TOKEN", { value: "0123456789" })
  await answer("GET", "/v1/secrets")
  await answer("DELETE", "/v1/secrets/TOKEN")
  const { id } = await answer("POST", "/v1/keys", { name: "ci", scopes: ["run"], expiresInMs: 60_000 })
  await answer("GET", "/v1/keys")
  await answer("GET", "/v1/keys/self")
  await answer("DELETE", `/v1/keys/${String(id)}`)
  await answer("GET", "/healthz")
  await answer("GET", "/readyz")
  await answer("GET", "/v1/openapi.json")
  assert.ok(seen.size > 28, [...seen].join(", "))
})

test("pages load nothing from elsewhere and run nothing inline", async () => {
  for (const path of ["/", "/docs"]) {
    const response = await app.request(path)
    const text = await response.text()
    assert.equal(response.status, 200)
    assert.match(response.headers.get("content-security-policy") ?? "", /default-src 'none'.*frame-ancestors 'none'/)
    assert.doesNotMatch(response.headers.get("content-security-policy") ?? "", /unsafe|https?:/)
    assert.doesNotMatch(text, /<script(?![^>]*\bsrc="\/docs\/)|https?:|\bon\w+=|style="/, path)
    for (const [, target = ""] of text.matchAll(/(?:src|href)="(\/[^"]*)"/g))
      assert.equal((await app.request(target)).status, 200, target)
  }
  const script = await app.request("/docs/swagger-ui-bundle.js")
  assert.match(script.headers.get("content-type") ?? "", /^text\/javascript/)
  assert.ok((await script.text()).length > 1_000_000)
})
