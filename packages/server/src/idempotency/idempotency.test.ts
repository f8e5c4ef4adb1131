import assert from "node:assert/strict"
import { after, test } from "node:test"
import { createPlatform } from "@mayfly/platform"
import { openStore } from "@mayfly/store"
import { createKey, hashKey } from "../auth/api-key.ts"
import { listen } from "../listen.ts"
import { startServer } from "../start-server.ts"
import { Idempotency, type KeyedRequest } from "./idempotency.ts"

const platform = await createPlatform({ hosts: 1, spare: false })
const key = createKey()
const listener = await listen({ port: 0, host: "127.0.0.1" })
const { url, stop } = startServer(listener, { platform, keyHashes: [hashKey(key)] })
after(async () => {
  await stop()
  await platform.dispose()
})

interface Answer {
  readonly status: number
  readonly replayed: boolean
  readonly retryAfter: string | null
  readonly json: Record<string, unknown> & { readonly error?: { readonly code: string; readonly retry: boolean } }
}

interface More {
  readonly headers?: Readonly<Record<string, string>>
  readonly signal?: AbortSignal
}

async function post(path: string, idempotencyKey: string, body: unknown, more: More = {}): Promise<Answer> {
  const headers = { authorization: `Bearer ${key}`, "idempotency-key": idempotencyKey, ...more.headers }
  const response = await fetch(`${url}${path}`, { ...more, method: "POST", body: JSON.stringify(body), headers })
  const replayed = response.headers.get("idempotency-replayed") === "true"
  const json = (await response.json()) as Answer["json"]
  return { status: response.status, replayed, retryAfter: response.headers.get("retry-after"), json }
}

test("the same key and request gives the stored answer, another request is a conflict", async () => {
  const body = { script: "return Math.random()" }
  const [first, second] = [await post("/v1/run", "a", body), await post("/v1/run", "a", body)]
  assert.deepEqual([first.status, first.replayed, second.status, second.replayed], [200, false, 200, true])
  assert.deepEqual(second.json, first.json)
  for (const [path, other] of [
    ["/v1/run", { script: "return 1" }],
    ["/v1/workflows", { ...body, id: "x" }],
    ["/v1/workflows?tenant=other", body],
  ] as const) {
    const { status, json } = await post(path, "a", other)
    assert.deepEqual([status, json.error?.code], [409, "input.idempotency-conflict"], path)
  }
})

test("a duplicate of a request under way is told to come back, and then gets its answer; going away does not cancel it", async () => {
  const body = { script: "await new Promise((r) => setTimeout(r, 400)); return 'done'" }
  const gone = new AbortController()
  const first = post("/v1/run", "b", body, { signal: gone.signal })
  let duplicate = await post("/v1/run", "b", body)
  // The first one may not have arrived yet; then this one was it.
  if (duplicate.status === 409) {
    assert.deepEqual([duplicate.json.error?.code, duplicate.json.error?.retry], ["input.idempotency-conflict", true])
    assert.equal(duplicate.retryAfter, "1")
  }
  gone.abort()
  await assert.rejects(first, { name: "AbortError" })
  while (duplicate.status === 409) duplicate = await post("/v1/run", "b", body)
  assert.deepEqual([duplicate.json["result"], duplicate.json["ok"]], ["done", true])
})

test("a refusal that may simply be repeated is not kept, one that may not is", async () => {
  const denied = await post("/v1/approvals/none/allow", "c", {})
  assert.deepEqual([denied.status, denied.replayed], [404, false])
  assert.equal((await post("/v1/approvals/none/allow", "c", {})).replayed, true)
  // Wrong input is found out before anything is kept: the corrected request may have the same key.
  assert.equal((await post("/v1/run", "d", { script: 1 })).status, 400)
  assert.equal((await post("/v1/run", "d", { script: "return 1" })).json["result"], 1)
})

test("what can't be kept says so instead of being deaf", async () => {
  const events = { headers: { accept: "text/event-stream" } }
  for (const answer of [
    await post("/v1/run", "e", { script: "1" }, events),
    await post("/v1/keys", "e", { name: "x", scopes: ["run"] }),
    await post("/v1/run", "", { script: "1" }),
    await post("/v1/run", "x".repeat(256), { script: "1" }),
  ]) {
    assert.deepEqual([answer.status, answer.json.error?.code], [400, "input.invalid"])
  }
})

const request: KeyedRequest = { tenant: "acme", key: "k", request: "hash" }

test("Idempotency says that nobody knows when a process ended in the middle, and keeps tenants apart", async () => {
  await using store = await openStore()
  const dead = new Idempotency(async () => store)
  assert.equal(await dead.begin(request), undefined)
  const next = new Idempotency(async () => store)
  await assert.rejects(next.begin(request), { code: "input.idempotency-unknown" })
  await assert.rejects(next.begin({ ...request, request: "other" }), { code: "input.idempotency-conflict" })
  assert.equal(await next.begin({ ...request, tenant: "other" }), undefined)
  await next.finish({ ...request, tenant: "other" }, "cut-off")
  await assert.rejects(next.begin({ ...request, tenant: "other" }), { code: "input.idempotency-unknown" })
})

test("Idempotency keeps answers over a restart, not those that are too large", async () => {
  await using store = await openStore()
  const before = new Idempotency(async () => store)
  const [small, large] = [request, { ...request, key: "large" }]
  const answer = { status: 201, type: "application/json", body: "{}" }
  await before.begin(small)
  await before.finish(small, answer)
  await before.begin(large)
  await before.finish(large, { ...answer, body: "x".repeat((1 << 20) + 1) })
  const later = new Idempotency(async () => store)
  assert.deepEqual(await later.begin(small), answer)
  await assert.rejects(later.begin(large), { code: "input.idempotency-unknown", details: { status: 201 } })
})

test("Idempotency forgets the oldest answers past its bound, and never a request under way", async () => {
  await using store = await openStore()
  const keys = new Idempotency(async () => store)
  const nth = (n: number): KeyedRequest => ({ ...request, key: `k${n}` })
  await keys.begin(nth(0))
  const body = "x".repeat(1 << 20)
  for (let n = 1; n <= 66; n++) {
    assert.equal(await keys.begin(nth(n)), undefined)
    await keys.finish(nth(n), { status: 200, type: "text/plain", body })
  }
  await assert.rejects(keys.begin(nth(0)), { code: "input.idempotency-conflict" })
  assert.equal(await keys.begin(nth(1)), undefined)
  const tables = await store.attach({ name: "looker", migrations: [] })
  const [sum] = await tables.read<{ bytes: number }>("SELECT SUM(bytes) AS bytes FROM idempotency_answers")
  assert.ok((sum?.bytes ?? 0) <= 64 << 20)
})
