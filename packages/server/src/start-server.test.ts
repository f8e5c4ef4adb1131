import assert from "node:assert/strict"
import { once } from "node:events"
import { connect, type Socket } from "node:net"
import { after, test } from "node:test"
import { createPlatform } from "@mayfly/platform"
import { createKey, hashKey } from "./auth/api-key.ts"
import { createServer } from "./create-server.ts"
import { listen, type ListenOptions } from "./listen.ts"
import { type RunningServer, type StartOptions, startServer } from "./start-server.ts"

const platform = await createPlatform({ hosts: 1, spare: false, attended: true })
after(() => platform.dispose())
const key = createKey()
const headers = { authorization: `Bearer ${key}` }

async function start(
  options: Partial<StartOptions> = {},
  listening: Partial<ListenOptions> = {},
): Promise<RunningServer> {
  const listener = await listen({ port: 0, host: "127.0.0.1", ...listening })
  return startServer(listener, { platform, keyHashes: [hashKey(key)], ...options })
}

function run(url: string, script: string, accept = "application/json"): Promise<Response> {
  return fetch(`${url}/v1/run`, { method: "POST", headers: { ...headers, accept }, body: JSON.stringify({ script }) })
}

async function codeOf(response: Response): Promise<[number, string]> {
  return [response.status, ((await response.json()) as { error: { code: string } }).error.code]
}

/** Reads up to some text. */
async function readTo(reader: ReadableStreamDefaultReader<Uint8Array>, text: string): Promise<string> {
  let all = ""
  while (!all.includes(text)) {
    const { value, done } = await reader.read()
    if (done) break
    all += Buffer.from(value).toString()
  }
  return all
}

const waiting = "console.log('started'); await new Promise((resolve) => setTimeout(resolve, 60_000))"

async function startedRun(url: string): Promise<ReadableStreamDefaultReader<Uint8Array>> {
  const response = await run(url, waiting, "text/event-stream")
  const reader = (response.body as ReadableStream<Uint8Array>).getReader()
  await readTo(reader, "started")
  return reader
}

test("a server that stops says so, lets requests finish, and ends streams that can be taken up again", async () => {
  const server = await start({ graceMs: 60_000 })
  // Held up by us: its input ends when we say so.
  const slow = connect(server.port, "127.0.0.1")
  const body = JSON.stringify({ script: "return 42" })
  const head = `POST /v1/run HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer ${key}\r\ncontent-length: ${body.length}`
  slow.write(`${head}\r\n\r\n${body.slice(0, 5)}`)
  const follower = await fetch(`${server.url}/v1/approvals`, { headers: { ...headers, accept: "text/event-stream" } })
  const stopped = server.stop()
  assert.equal(await follower.text(), "")
  assert.deepEqual(await (await fetch(`${server.url}/readyz`)).json(), { status: "stopping" })
  assert.equal((await fetch(`${server.url}/healthz`)).status, 200)
  const refused = await run(server.url, "return 1")
  assert.equal(refused.headers.get("retry-after"), "1")
  assert.deepEqual(await codeOf(refused), [503, "server.stopping"])
  slow.write(body.slice(5))
  assert.match(await received(slow), /"result":42/)
  await stopped
  await assert.rejects(fetch(`${server.url}/healthz`))
})

async function received(socket: Socket): Promise<string> {
  let text = ""
  socket.on("data", (chunk) => (text += String(chunk)))
  await once(socket, "close")
  return text
}

test("what has not finished after the grace period is cancelled, and told so", async () => {
  const server = await start({ graceMs: 1 })
  const reader = await startedRun(server.url)
  await Promise.all([server.stop(), server.stop()])
  assert.match(await readTo(reader, "never"), /event: error\ndata: .*"worker\.aborted"/)
})

test("a reader that takes nothing is cut off, and its place is free", async () => {
  const server = await start({ maxRequests: 1, graceMs: 60_000 }, { stallMs: 200 })
  const body = JSON.stringify({ script: "return 'x'.repeat(30 << 20)" })
  const head = `POST /v1/run HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer ${key}\r\ncontent-length: ${body.length}`
  const socket = connect(server.port, "127.0.0.1")
  socket.write(`${head}\r\n\r\n${body}`)
  await once(socket, "readable")
  // It reads no more; the server has no other request, so this ends when it has been cut off, long before the grace period.
  await server.stop()
  socket.destroy()
})

test("pages of origins that are named may call, others may not, and none by default", async () => {
  const origin = "https://app.example.com"
  const asks = (from: string): RequestInit => ({
    method: "OPTIONS",
    headers: {
      origin: from,
      "access-control-request-method": "POST",
      "access-control-request-headers": "authorization,idempotency-key",
    },
  })
  const open = await start({ corsOrigins: [origin] })
  const preflight = await fetch(`${open.url}/v1/run`, asks(origin))
  assert.equal(preflight.status, 204)
  assert.equal(preflight.headers.get("access-control-allow-origin"), origin)
  assert.match(preflight.headers.get("access-control-allow-headers") ?? "", /authorization.*idempotency-key/)
  assert.equal(preflight.headers.get("access-control-allow-credentials"), null)
  // Failures too can be read by the page.
  const refused = await fetch(`${open.url}/v1/run`, { method: "POST", headers: { origin } })
  assert.deepEqual([refused.status, refused.headers.get("access-control-allow-origin")], [401, origin])
  assert.match(refused.headers.get("access-control-expose-headers") ?? "", /x-request-id/)
  for (const from of ["https://evil.example.com", "https://app.example.com.evil.test", "null"])
    assert.deepEqual(await codeOf(await fetch(`${open.url}/v1/run`, asks(from))), [403, "auth.host"])
  const closed = await start()
  assert.deepEqual(await codeOf(await fetch(`${closed.url}/v1/run`, asks(origin))), [403, "auth.host"])
  await Promise.all([open.stop(), closed.stop()])
  for (const wrong of ["*", "app.example.com", "https://app.example.com/", "https://*.example.com"]) {
    const create = (): unknown => createServer({ platform, keyHashes: [], corsOrigins: [wrong] })
    assert.throws(create, { code: "input.invalid", details: { path: "corsOrigins" } })
  }
})

test("wrong keys are slowed down by address, right ones never", async () => {
  const server = await start({ wrongKeys: { max: 2, perMs: 60_000 } })
  const ask = (given: string): Promise<Response> =>
    fetch(`${server.url}/v1/keys/self`, { headers: { authorization: `Bearer ${given}` } })
  for (const expected of [401, 401, 429]) assert.equal((await ask(createKey())).status, expected)
  const limited = await ask(createKey())
  assert.ok(Number(limited.headers.get("retry-after")) > 0)
  assert.deepEqual(await codeOf(limited), [429, "auth.rate-limited"])
  assert.equal((await ask(key)).status, 200)
  await server.stop()
})

test("HEAD of a stream keeps no place", async () => {
  const server = await start()
  const ask = (method: string): Promise<Response> =>
    fetch(`${server.url}/v1/approvals`, { method, headers: { ...headers, accept: "text/event-stream" } })
  for (let n = 0; n < 120; n++) assert.equal((await ask("HEAD")).status, 200)
  const followed = await ask("GET")
  assert.equal(followed.status, 200)
  await followed.body?.cancel()
  await server.stop()
})
