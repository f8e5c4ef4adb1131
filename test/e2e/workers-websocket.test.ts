import assert from "node:assert/strict"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { after, test } from "node:test"
import { createPlatform } from "@mayfly/platform"
import { createKey, hashKey, listen, startServer } from "@mayfly/server"
import { type Refused, WebSocketClient } from "./web-socket-client.ts"

const dataDir = mkdtempSync(join(tmpdir(), "mayfly-workers-ws-"))
after(() => rmSync(dataDir, { recursive: true, force: true }))
const platform = await createPlatform({ hosts: 1, spare: false, dataDir })
after(() => platform.dispose())
const admin = createKey()
const serve = async () =>
  startServer(await listen({ port: 0, host: "127.0.0.1" }), { platform, keyHashes: [hashKey(admin)], graceMs: 1 })
const server = await serve()
after(() => server.stop())

const script = `export default { async fetch(request) {
  const { pathname, searchParams } = new URL(request.url)
  if (pathname === "/plain") return new Response("no " + request.headers.get("upgrade"), { status: 404 })
  if (pathname === "/stream") return new Response(request.body.pipeThrough(new TransformStream()))
  if (pathname === "/throw") throw new TypeError("no socket today")
  const { 0: client, 1: server } = new WebSocketPair()
  server.accept()
  server.onmessage = ({ data }) => {
    if (data === "headers") server.send(JSON.stringify([...request.headers]))
    else if (data === "close") server.close(4001, "bye")
    else if (data === "loop") for (;;);
    else server.send(typeof data === "string" ? data + "!" : new Uint8Array(data).map((n) => n + 1))
  }
  server.onclose = ({ code, reason, wasClean }) => console.log(code, reason, wasClean)
  const headers = { "set-cookie": "a=1", "x-own": "1" }
  if (searchParams.has("protocol")) headers["sec-websocket-protocol"] = searchParams.get("protocol")
  return new Response(null, { status: 101, webSocket: client, headers })
} }`
const workers = platform.workers("acme")
await workers.deploy("echo", { script, limits: { wallMs: null, cpuMs: 300 } })

async function call(method: string, path: string, body?: object): Promise<Record<string, unknown>> {
  const headers = { authorization: `Bearer ${admin}` }
  const given = body === undefined ? {} : { body: JSON.stringify(body) }
  const text = await (await fetch(server.url + path, { method, headers, ...given })).text()
  return text === "" ? {} : (JSON.parse(text) as Record<string, unknown>)
}

async function keyOf(tenant: string, more: object = {}): Promise<{ readonly key: string; readonly id: string }> {
  const scopes = ["run"]
  return (await call("POST", "/v1/keys", { name: tenant, tenant, scopes, ...more })) as { key: string; id: string }
}

const { key: acme } = await keyOf("acme")
const bearer = (key = acme): object => ({ headers: { authorization: `Bearer ${key}` } })
const urlOf = (path: string, name = "echo"): string => `${server.url}/v1/workers/${name}/fetch${path}`
const open = (path = "/", options = bearer(), protocols: string[] = []): Promise<WebSocketClient> =>
  WebSocketClient.open(urlOf(path), options, protocols)

async function refused(path: string, options = bearer(), protocols: string[] = []): Promise<unknown> {
  const { status, body }: Refused = await WebSocketClient.refused(urlOf(path), options, protocols)
  return [status, body.startsWith("{") ? (JSON.parse(body) as { error: { code: string } }).error.code : body]
}

/** The runs of the tenant, the last first, when none is under way any more. */
async function ended(): Promise<readonly { readonly id: string; readonly status: string }[]> {
  for (;;) {
    const { runs } = await platform.runs.list({ tenant: "acme" })
    if (runs.every(({ status }) => status !== "running" && status !== "queued")) return runs
  }
}

async function lastRun(): Promise<unknown> {
  const [last] = await ended()
  const { status, error, logs = [] } = await platform.runs.get(String(last?.id))
  return { status, code: error?.code, logs: logs.map(({ message }) => message) }
}

test("text and bytes go both ways, and the run is in the history and the usage", async () => {
  const client = await open()
  assert.deepEqual([client.socket.protocol, client.headers["set-cookie"], client.headers["x-own"]], ["", undefined, undefined]) // oxfmt-ignore
  const large = "é".repeat(2 << 20)
  for (const message of ["one", new Uint8Array([1, 2, 254]), "", large]) client.socket.send(message)
  assert.deepEqual([await client.next(), await client.next(), await client.next()], ["one!", [2, 3, 255], "!"])
  assert.equal((await client.next()) === `${large}!`, true)
  client.socket.close(4000, "done")
  assert.deepEqual(await client.closed, [4000, "done"])
  assert.deepEqual(await lastRun(), { status: "succeeded", code: undefined, logs: ["4000 done true"] })
  const { rows } = await platform.usage.query({ tenant: "acme", by: ["worker"] })
  assert.deepEqual(
    rows.map(({ worker, runs, wallMs }) => [worker, runs, wallMs > 0]),
    [["echo", 1, true]],
  )
  // As text is counted on its way: its characters.
  assert.deepEqual(await lastBytes(), [2, 2])
})

/** What the last run took and gave, in MiB. */
async function lastBytes(): Promise<readonly number[]> {
  const [last] = await ended()
  const { usage } = await platform.runs.get(String(last?.id))
  return [usage?.bytesIn ?? 0, usage?.bytesOut ?? 0].map((bytes) => Math.round((bytes / 1_048_576) * 10) / 10)
}

test("what streams through a handler counts once each way", async () => {
  const body = Buffer.alloc(3 << 20)
  const response = await fetch(urlOf("/stream"), { ...bearer(), method: "POST", body })
  assert.equal((await response.arrayBuffer()).byteLength, body.byteLength)
  assert.deepEqual(await lastBytes(), [3, 3])
})

test("a browser's key is a subprotocol, which the handler does not see; it may choose another", async () => {
  const client = await open("/", {}, ["mayfly", `bearer.${acme}`])
  assert.equal(client.socket.protocol, "mayfly")
  client.socket.send("headers")
  const seen = new Headers(JSON.parse(String(await client.next())) as [string, string][])
  assert.deepEqual(
    ["upgrade", "connection", "sec-websocket-version", "sec-websocket-protocol", "authorization", "host"].map((name) =>
      seen.get(name),
    ),
    ["websocket", "Upgrade", "13", null, null, null],
  )
  assert.equal(JSON.stringify([...seen]).includes(acme), false)
  client.socket.close()
  const chosen = await open("/?protocol=chat", {}, ["mayfly", `bearer.${acme}`, "talk", "chat"])
  assert.equal(chosen.socket.protocol, "chat")
  chosen.socket.send("headers")
  const offered = new Headers(JSON.parse(String(await chosen.next())) as [string, string][])
  assert.equal(offered.get("sec-websocket-protocol"), "talk, chat")
  chosen.socket.close()
})

test("what is no WebSocket is answered as to any request", async () => {
  assert.deepEqual(await refused("/plain"), [404, "no websocket"])
  assert.deepEqual(await refused("/throw"), [422, "worker.guest"])
  assert.deepEqual(await refused("/?protocol=mayfly", {}, ["mayfly", `bearer.${acme}`]), [422, "worker.guest"])
  assert.deepEqual(await refused("/", {}), [401, "auth.missing"])
  assert.deepEqual(await refused("/", bearer(createKey())), [401, "auth.invalid"])
  const foreign = { headers: { authorization: `Bearer ${acme}`, origin: "https://evil.example" } }
  assert.deepEqual(await refused("/", foreign), [403, "auth.host"])
  const { key: other } = await keyOf("other")
  assert.deepEqual(await refused("/", bearer(other)), [404, "worker.not-found"])
  const plain = await fetch(urlOf("/"), bearer())
  assert.deepEqual([plain.status, ((await plain.json()) as { error: { code: string } }).error.code], [426, "server.upgrade-required"]) // oxfmt-ignore
  await ended()
})

test("each end has its code", async () => {
  const closes = async (message: string | Buffer): Promise<unknown> => {
    const client = await open()
    client.socket.send(message)
    return client.closed
  }
  assert.deepEqual(await closes("close"), [4001, "bye"])
  assert.deepEqual(await closes("loop"), [1011, "worker.cpu-limit"])
  assert.deepEqual(await lastRun(), { status: "failed", code: "worker.cpu-limit", logs: [] })
  assert.equal(((await closes(Buffer.alloc((32 << 20) + 1))) as [number])[0], 1009)
})

test("a client that vanishes ends the run, which hears of it", async () => {
  const client = await open()
  client.socket.terminate()
  assert.deepEqual(await lastRun(), { status: "succeeded", code: undefined, logs: ["1006  false"] })
})

test("a key that is revoked or expires, a suspended tenant, a removed worker: the WebSocket says goodbye", async () => {
  const revoked = await keyOf("acme")
  const first = await open("/", bearer(revoked.key))
  await call("DELETE", `/v1/keys/${revoked.id}`)
  assert.deepEqual(await first.closed, [1008, "the key was revoked"])
  const { key: short } = await keyOf("acme", { expiresInMs: 500 })
  const second = await open("/", bearer(short))
  assert.deepEqual(await second.closed, [1008, "the key has expired"])
  assert.deepEqual(await lastRun(), { status: "succeeded", code: undefined, logs: ["1008 the key has expired true"] })
  await workers.deploy("gone", { script, limits: { wallMs: null } })
  const third = await WebSocketClient.open(urlOf("/", "gone"), bearer())
  const stays = await open()
  await workers.remove("gone")
  assert.deepEqual(await third.closed, [1001, "the worker was removed"])
  stays.socket.send("still")
  assert.equal(await stays.next(), "still!")
  await call("PUT", "/v1/tenants/acme", { suspended: true })
  assert.deepEqual(await stays.closed, [1008, "tenant.suspended"])
  assert.deepEqual(await refused("/"), [403, "tenant.suspended"])
  await call("PUT", "/v1/tenants/acme", { suspended: false })
})

test("an open WebSocket is a run of the tenant's quota", async () => {
  await platform.tenants.set("acme", { quota: { concurrentRuns: 1, queuedRuns: 0 } })
  const client = await open()
  assert.deepEqual(await refused("/"), [429, "quota.concurrency"])
  client.socket.close()
  await client.closed
  await ended()
  const next = await open()
  next.socket.close()
  await platform.tenants.set("acme", { quota: {} })
})

test("a server that stops says so on its WebSockets", async () => {
  const stopping = await serve()
  const client = await WebSocketClient.open(`${stopping.url}/v1/workers/echo/fetch/`, bearer())
  await stopping.stop()
  assert.deepEqual(await client.closed, [1001, "the server stops"])
  assert.deepEqual(await lastRun(), { status: "succeeded", code: undefined, logs: ["1001 the server stops true"] })
})
