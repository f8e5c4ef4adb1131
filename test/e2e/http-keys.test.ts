import assert from "node:assert/strict"
import { after, test } from "node:test"
import { createPlatform } from "@mayfly/platform"
import { createKey, hashKey, listen, startServer } from "@mayfly/server"
import { request } from "node:http"
import { type Document, isBridge, type Operation, operationsOf, pathOf, sampleOf } from "./open-api.ts"

const platform = await createPlatform({ hosts: 1, spare: false, attended: true })
const adminKey = createKey()
const listener = await listen({ port: 0, host: "127.0.0.1" })
const { url, stop } = startServer(listener, {
  platform,
  keyHashes: [hashKey(adminKey)],
  wrongKeys: { max: 10_000, perMs: 60_000 },
})
after(async () => {
  await stop()
  await platform.dispose()
})

interface Answer {
  readonly status: number
  readonly json: Record<string, unknown> & { readonly error?: { readonly code: string; readonly details: unknown } }
}

async function ask(method: string, path: string, key: string | undefined, body?: unknown): Promise<Answer> {
  const response = await fetch(`${url}${path}`, {
    method,
    headers: key === undefined ? {} : { authorization: `Bearer ${key}` },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  })
  const text = await response.text()
  const isJson = response.headers.get("content-type")?.startsWith("application/json") === true
  const json = (isJson ? JSON.parse(text) : {}) as Answer["json"]
  // The bridge's errors have a shape of their own; ours is beside it.
  const { mayfly } = json
  return { status: response.status, json: mayfly === undefined ? json : ({ error: mayfly } as Answer["json"]) }
}

async function newKey(body: object, by = adminKey): Promise<{ readonly key: string; readonly id: string }> {
  const { status, json } = await ask("POST", "/v1/keys", by, { name: "test", ...body })
  assert.equal(status, 201, JSON.stringify(json))
  return { key: String(json["key"]), id: String(json["id"]) }
}

async function refused(
  method: string,
  path: string,
  key: string | undefined,
  body?: unknown,
): Promise<[number, string]> {
  const { status, json } = await ask(method, path, key, body)
  return [status, json.error?.code ?? "none"]
}

/** Status and code of the answer; a route that speaks WebSocket is asked for one. */
function refusedBy(operation: Operation, path: string, key: string | undefined): Promise<[number, string]> {
  if (operation.success !== 101) return refused(operation.method, path, key, bodyOf(operation))
  const headers = {
    connection: "upgrade",
    upgrade: "websocket",
    "sec-websocket-version": "13",
    "sec-websocket-key": "dGhlIHNhbXBsZSBub25jZQ==",
    ...(key === undefined ? {} : { authorization: `Bearer ${key}` }),
  }
  return new Promise((resolve, reject) => {
    const asked = request(`${url}${path}`, { headers }, (response) => {
      let text = ""
      response.on("data", (chunk) => (text += String(chunk)))
      response.on("end", () => {
        const { error, mayfly } = JSON.parse(text) as { error: { code: string }; mayfly?: { code: string } }
        resolve([response.statusCode ?? 0, (mayfly ?? error).code])
      })
    })
    asked.once("upgrade", (_response, socket) => {
      socket.destroy()
      resolve([101, "none"])
    })
    asked.once("error", reject)
    asked.end()
  })
}

const all = ["run", "workflows", "sandboxes", "ledger", "admin"]
const document = (await ask("GET", "/v1/openapi.json", undefined)).json as unknown as Document
const operations = operationsOf(document)
const nameOf = ({ method, path }: Operation): string => `${method} ${path}`
const keyed = operations.filter(({ isOpen }) => !isOpen)
const bodyOf = ({ body }: Operation): unknown => (body === undefined ? undefined : sampleOf(body, document))

const revoked = await newKey({ scopes: all })
await ask("DELETE", `/v1/keys/${revoked.id}`, adminKey)
const expired = await newKey({ scopes: all, expiresInMs: 1 })
const other = await newKey({ scopes: all, tenant: "other" })
const mine = await newKey({ scopes: all, tenant: "acme" })

/** Things of the tenant "acme", by the first words of the paths that lead to them. */
const workflow = { id: "theirs", steps: [{ name: "wait", waitForEvent: "go" }] }
assert.equal((await ask("POST", "/v1/workflows", mine.key, workflow)).status, 200)
assert.equal((await ask("PUT", "/v1/secrets/THEIRS", mine.key, { value: "0123456789" })).status, 200)
assert.equal((await ask("POST", "/v1/sandboxes", mine.key, { id: "theirs" })).status, 201)
assert.equal((await ask("PUT", "/v1/workers/THEIRS", mine.key, { script: "1" })).status, 200)
const denied = await ask("POST", "/v1/run", mine.key, {
  script: "await fetch('http://example.invalid/').catch(() => {})",
  network: { defaultPolicy: "ask" },
  limits: { wallMs: 1_000 },
})
const runId = String(denied.json["id"])
const approvals = (await ask("GET", "/v1/approvals", mine.key)).json["approvals"] as { id: string }[]
const approvalId = approvals[0]?.id ?? "none"
const snapshotId = String((await ask("POST", "/v1/sandboxes/theirs/snapshots", mine.key)).json["id"])
const theirKey = await newKey({ scopes: ["run"], tenant: "acme" })

test("only what api.md lists answers without a key", () => {
  assert.deepEqual(
    operations
      .filter(({ isOpen }) => isOpen)
      .map(nameOf)
      .toSorted(),
    [
      "GET /",
      "GET /docs",
      "GET /docs/{file}",
      "GET /healthz",
      "GET /readyz",
      "GET /v1/hooks/{token}",
      "GET /v1/openapi.json",
      "POST /v1/hooks/{token}",
    ],
  )
})

test("every other route refuses no key, and keys that are malformed, unknown, revoked or expired", async () => {
  for (const operation of keyed) {
    const path = pathOf(operation)
    const name = nameOf(operation)
    assert.deepEqual(await refusedBy(operation, path, undefined), [401, "auth.missing"], name)
    for (const key of ["mf_short", createKey(), revoked.key, expired.key])
      assert.deepEqual(await refusedBy(operation, path, key), [401, "auth.invalid"], `${name} ${key}`)
  }
})

test("every route refuses keys with all scopes but its own, and names it", async () => {
  const without = new Map<string, string>()
  for (const scope of all) {
    const { key } = await newKey({ scopes: all.filter((one) => one !== scope && one !== "admin"), tenant: "acme" })
    without.set(scope, key)
  }
  for (const operation of keyed) {
    if (operation.scope === "any") continue
    const key = without.get(operation.scope ?? "")
    assert.ok(key !== undefined, nameOf(operation))
    const { status, json } = await ask(operation.method, pathOf(operation), key, bodyOf(operation))
    const { code, details } = json.error ?? {}
    assert.deepEqual([status, code], [403, "auth.forbidden"], nameOf(operation))
    assert.equal((details as { scope: string }).scope, operation.scope)
  }
})

test("every route that a tenant can be named to refuses keys of another one", async () => {
  const tried: string[] = []
  for (const operation of keyed) {
    const { method, query, body } = operation
    const sample = bodyOf(operation) as object | undefined
    if (query.some(({ name }) => name === "tenant")) {
      const needed = query.filter(({ required }) => required).map(({ name }) => `&${name}=sample`)
      const path = `${pathOf(operation)}?tenant=acme${needed.join("")}`
      assert.deepEqual(await refusedBy(operation, path, other.key), [403, "auth.forbidden"], nameOf(operation))
      tried.push(nameOf(operation))
    }
    if (body !== undefined && "tenant" in (propertiesOf(body) ?? {})) {
      const given = { ...sample, tenant: "acme" }
      assert.deepEqual(
        await refused(method, pathOf(operation), other.key, given),
        [403, "auth.forbidden"],
        nameOf(operation),
      )
      tried.push(nameOf(operation))
    }
  }
  // The run, the lists, workflows and sandboxes at least: a rename must not empty this test.
  assert.ok(new Set(tried).size > 20, String(tried.length))
})

function propertiesOf(schema: { $ref?: string; properties?: object }): object | undefined {
  const name = schema.$ref?.split("/").at(-1)
  return name === undefined ? schema.properties : document.components.schemas[name]?.properties
}

const workerGone = [404, "worker.not-found"]
const runGone = [404, "run.not-found"]
const notTheirs = [403, "auth.forbidden"]
const approvalGone = [404, "mesh.approval-unknown"]
/** Whatever is below one of these is of the thing that the path names. */
const foreignThings: Readonly<Record<string, readonly (string | number)[]>> = {
  "/v1/workflows/{id}": [404, "workflow.not-found"],
  "/v1/sandboxes/{id}": [404, "sandbox.not-found"],
}
/** What somebody else is told of them, for every route that names a thing; "own": the route answers, about the key's own tenant only (tested below). */
const foreign: Readonly<Record<string, readonly (string | number)[] | "own">> = {
  "POST /v1/run": "own",
  "GET /v1/runs": "own",
  "GET /v1/runs/{id}": runGone,
  "POST /v1/runs/{id}/cancel": runGone,
  "GET /v1/workers": "own",
  "PUT /v1/workers/{name}": "own",
  "GET /v1/workers/{name}": workerGone,
  "DELETE /v1/workers/{name}": workerGone,
  "GET /v1/workers/{name}/versions": workerGone,
  "POST /v1/workers/{name}/rollback": workerGone,
  "POST /v1/workers/{name}/run": workerGone,
  "GET /v1/workers/{name}/fetch/{path}": workerGone,
  "POST /v1/workers/{name}/fetch/{path}": workerGone,
  "PUT /v1/workers/{name}/fetch/{path}": workerGone,
  "PATCH /v1/workers/{name}/fetch/{path}": workerGone,
  "DELETE /v1/workers/{name}/fetch/{path}": workerGone,
  "OPTIONS /v1/workers/{name}/fetch/{path}": workerGone,
  "GET /v1/usage": "own",
  "GET /v1/tenants": notTheirs,
  "GET /v1/tenants/{id}": notTheirs,
  "PUT /v1/tenants/{id}": notTheirs,
  "GET /v1/session": "own",
  "POST /mcp": "own",
  "GET /mcp": "own",
  "GET /v1/snapshots": "own",
  "DELETE /v1/snapshots/{snapshot}": [404, "sandbox.not-found"],
  "POST /v1/workflows": "own",
  "GET /v1/workflows": "own",
  "POST /v1/sandboxes": "own",
  "GET /v1/sandboxes": "own",
  "GET /metrics": [403, "auth.forbidden"],
  "GET /v1/ledger": "own",
  "GET /v1/ledger/verify": [403, "auth.forbidden"],
  "GET /v1/ledger/summary": "own",
  "GET /v1/approvals": "own",
  "GET /v1/approvals/{id}": approvalGone,
  "POST /v1/approvals/{id}/allow": approvalGone,
  "POST /v1/approvals/{id}/deny": approvalGone,
  "GET /v1/secrets": "own",
  "PUT /v1/secrets/{name}": "own",
  "DELETE /v1/secrets/{name}": [404, "server.not-found"],
  "POST /v1/keys": "own",
  "GET /v1/keys": "own",
  "GET /v1/keys/self": "own",
  "DELETE /v1/keys/{id}": [404, "server.not-found"],
}

function expectedOf(operation: Operation): readonly (string | number)[] | "own" | undefined {
  // What is not there the bridge makes, of the key's own tenant.
  if (isBridge(operation)) return "own"
  const [, below] = Object.entries(foreignThings).find(([path]) => operation.path.startsWith(path)) ?? []
  return below ?? foreign[nameOf(operation)]
}

function theirPath(operation: Operation): string {
  const { path, query } = operation
  const ids: readonly (readonly [string, string])[] = [
    ["/v1/approvals/", approvalId],
    ["/v1/keys/", theirKey.id],
    ["/v1/runs/", runId],
    ["/v1/tenants/", "acme"],
    ["/", "theirs"],
  ]
  const id = ids.find(([prefix]) => path.startsWith(prefix))?.[1] ?? ""
  const needed = query.filter(({ required }) => required).map(({ name }) => `${name}=sample`)
  return `${pathOf(operation, { id, name: "THEIRS", path: "a.txt", snapshot: snapshotId })}?${needed.join("&")}`
}

test("what belongs to one tenant is not there for another, on every route", async () => {
  const unknown = keyed.filter((operation) => expectedOf(operation) === undefined)
  assert.deepEqual(unknown.map(nameOf), [], "routes without an entry in this test")
  for (const operation of keyed) {
    const expected = expectedOf(operation)
    if (expected === "own") continue
    assert.deepEqual(await refusedBy(operation, theirPath(operation), other.key), expected, nameOf(operation))
  }
  // Nothing of it took effect.
  assert.equal((await ask("GET", "/v1/workflows/theirs", mine.key)).json["status"], "waiting")
  assert.equal((await ask("GET", "/v1/sandboxes/theirs", mine.key)).status, 200)
  assert.equal(((await ask("GET", "/v1/snapshots", mine.key)).json["snapshots"] as unknown[]).length, 1)
  assert.equal((await ask("GET", `/v1/approvals/${approvalId}`, mine.key)).json["status"], "pending")
  assert.equal((await ask("GET", "/v1/keys/self", theirKey.key)).status, 200)
})

test("lists and runs are of the key's own tenant, without naming it", async () => {
  const none = {
    "/v1/workflows": "workflows",
    "/v1/sandboxes": "sandboxes",
    "/v1/snapshots": "snapshots",
    "/v1/ledger": "rows",
    "/v1/approvals": "approvals",
    "/v1/secrets": "secrets",
    "/v1/workers": "workers",
    "/v1/runs": "runs",
  }
  for (const [path, name] of Object.entries(none)) {
    assert.deepEqual((await ask("GET", path, other.key)).json[name], [], path)
    assert.equal(((await ask("GET", path, mine.key)).json[name] as unknown[]).length, 1, path)
  }
  const summary = (await ask("GET", `/v1/ledger/summary?run=${runId}`, other.key)).json
  assert.deepEqual(summary, {
    attempts: 0,
    refused: 0,
    bytesIn: 0,
    bytesOut: 0,
    lines: [],
    runId,
    text: `${runId} reached for nothing.`,
  })
  const keys = (await ask("GET", "/v1/keys", other.key)).json["keys"] as { id: string; tenant: string }[]
  assert.deepEqual(
    keys.map(({ id, tenant }) => ({ id, tenant })),
    [{ id: other.id, tenant: "other" }],
  )
  assert.equal((await ask("GET", "/v1/keys/self", other.key)).json["tenant"], "other")
  // The same ids are free in another tenant, and mean other things there.
  assert.equal((await ask("POST", "/v1/workflows", other.key, { ...workflow, params: 1 })).status, 200)
  assert.equal((await ask("GET", "/v1/workflows?tenant=acme", adminKey)).status, 200)
})

test("a key of a tenant makes keys of that tenant only", async () => {
  assert.equal((await ask("POST", "/v1/keys", other.key, { name: "a", scopes: ["run"] })).json["tenant"], "other")
  for (const tenant of [null, "acme"]) {
    const body = { name: "a", scopes: ["admin"], tenant }
    assert.deepEqual(await refused("POST", "/v1/keys", other.key, body), [403, "auth.forbidden"])
  }
  const none = { name: "a", scopes: ["run"], tenant: null }
  assert.deepEqual(await refused("POST", "/v1/keys", adminKey, none), [400, "input.invalid"])
})

test("revoking a key ends its streams, and those of no other key", async () => {
  const follow = async (key: string): Promise<ReadableStreamDefaultReader<Uint8Array>> => {
    const headers = { authorization: `Bearer ${key}`, accept: "text/event-stream" }
    const response = await fetch(`${url}/v1/workflows/theirs/events`, { headers })
    assert.equal(response.status, 200)
    return (response.body as ReadableStream<Uint8Array>).getReader()
  }
  const short = await newKey({ scopes: ["workflows"], tenant: "acme" })
  const timed = await newKey({ scopes: ["workflows"], tenant: "acme", expiresInMs: 1_500 })
  const [ending, expiring, staying] = [await follow(short.key), await follow(timed.key), await follow(mine.key)]
  assert.equal((await ask("DELETE", `/v1/keys/${short.id}`, adminKey)).status, 204)
  assert.deepEqual(await refused("GET", "/v1/keys/self", short.key), [401, "auth.invalid"])
  await toEnd(ending)
  await toEnd(expiring)
  assert.deepEqual(await refused("GET", "/v1/keys/self", timed.key), [401, "auth.invalid"])
  // The other one is told of what happens now.
  await ask("POST", "/v1/workflows/theirs/events", mine.key, { type: "go" })
  assert.match(await toEnd(staying), /event: end/)
})

async function toEnd(reader: ReadableStreamDefaultReader<Uint8Array>): Promise<string> {
  let text = ""
  for (let read = await reader.read(); !read.done; read = await reader.read())
    text += Buffer.from(read.value).toString()
  return text
}
