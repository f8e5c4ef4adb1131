import assert from "node:assert/strict"
import { createServer, type Server } from "node:http"
import type { AddressInfo } from "node:net"
import { after, test } from "node:test"
import { connect, DynamicWorker, DynamicWorkflow } from "@mayfly/client"
import { codeOf } from "./subject.ts"
import { startTestServer } from "./test-server.ts"

const server = await startTestServer()
after(() => server.stop())
const { url, key } = server
const platform = connect({ url, key })
after(() => platform.dispose())

test("what a client started ends with its connection", async () => {
  const asked = Promise.withResolvers<void>()
  const ended = Promise.withResolvers<void>()
  const silent = createServer((request) => {
    request.once("close", () => ended.resolve())
    asked.resolve()
  })
  const { origin } = await listening(silent)
  const leaving = connect({ url, key })
  const worker = await DynamicWorker.create({
    script: "async (input) => { await fetch(input) }",
    network: { allowedOrigins: [origin] },
    platform: leaving,
  })
  const run = codeOf(worker.run(origin))
  await asked.promise
  await leaving.dispose()
  assert.deepEqual(await run, { code: "client.disconnected" })
  await ended.promise
  silent.close()
})

test("a binding whose client has gone fails for the program, and not for its neighbours", async () => {
  const called = Promise.withResolvers<void>()
  const leaving = connect({ url, key })
  await using stays = await DynamicWorker.create({ script: "(input) => input + 1", platform })
  const worker = await DynamicWorker.create({
    script: "async (input, env) => await env.wait()",
    env: {
      wait: () => {
        called.resolve()
        return new Promise(() => {})
      },
    },
    platform: leaving,
  })
  const run = codeOf(worker.run())
  await called.promise
  await leaving.dispose()
  assert.deepEqual(await run, { code: "client.disconnected" })
  assert.equal(await stays.run(1), 2)
})

test("a new session opens after one that broke", async () => {
  const again = connect({ url, key })
  await DynamicWorker.create({ script: "1", platform: again })
  again.session.interrupt()
  await using worker = await DynamicWorker.create({ script: "2", platform: again })
  assert.equal(await worker.run(), 2)
  await again.dispose()
})

test("without a key, with a wrong one, or at a wrong address the code says so", async () => {
  const create = (options: { url: string; key?: string }): Promise<unknown> =>
    codeOf(DynamicWorker.create({ script: "1", platform: connect({ ...options, maxRetries: 0 }) }))
  assert.deepEqual(await create({ url }), { code: "auth.missing" })
  assert.deepEqual(await create({ url, key: `mf_${"A".repeat(43)}` }), { code: "auth.invalid" })
  assert.deepEqual(await create({ url: "http://127.0.0.1:1", key }), { code: "client.unreachable" })
  assert.throws(() => connect({ url: "ftp://a" }), { code: "input.invalid" })
})

test("messages that no client sends are refused, and the server goes on", async () => {
  for (const text of [
    "",
    "{}",
    "[]",
    '["push"]',
    '["push",["call",0,["createWorker"],[{"text":"x"}]]]',
    "x".repeat(1_000),
  ]) {
    const socket = new WebSocket(`${url.replace("http", "ws")}/v1/session`, ["mayfly", `bearer.${key}`])
    const closed = Promise.withResolvers<void>()
    socket.addEventListener("close", () => closed.resolve())
    socket.addEventListener("open", () => {
      socket.send(text)
      socket.send('["push",["pipeline",0,["createWorker"],[{"text":"j1","capabilities":[]}]]]')
      socket.send('["pull",1]')
    })
    socket.addEventListener("message", () => socket.close())
    await closed.promise
  }
  await using worker = await DynamicWorker.create({ script: "1", platform })
  assert.equal(await worker.run(), 1)
})

test("a request that failed on the way is sent again, with the same idempotency key", async () => {
  const seen: (string | undefined)[] = []
  const flaky = createServer((request, response) => {
    seen.push(request.headers["idempotency-key"] as string | undefined)
    if (seen.length < 3) return void request.socket.destroy()
    response.setHeader("content-type", "application/json")
    response.end('{"id":"run_1","ok":true,"result":1,"logs":[],"usage":{},"egress":[]}')
  })
  const { origin } = await listening(flaky)
  const run = await connect({ url: origin }).run({ script: "1" })
  assert.equal(run.ok && run.result, 1)
  assert.equal(seen.length, 3)
  assert.equal(new Set(seen).size, 1)
  flaky.close()
})

test("a server that is none is named", async () => {
  const other = createServer((_, response) => response.end("<html>"))
  const { origin } = await listening(other)
  assert.deepEqual(await codeOf(connect({ url: origin }).run({ script: "1" })), {
    code: "client.not-mayfly",
  })
  other.close()
})

test("functions in steps can't be sent, and the way out is named", async () => {
  const steps = [{ name: "one", run: () => 1 }]
  const error = await DynamicWorkflow.create(platform.env.WORKFLOWS, { steps }).catch((caught: unknown) => caught)
  const { code, fix, details } = error as { code: string; fix: string; details: { path: string } }
  assert.deepEqual([code, details.path], ["input.invalid", "steps[0].run"])
  assert.match(fix, /"code"/)
})

test("one run over HTTP has the values of the library", async () => {
  const run = await platform.run({
    script: "(input, env) => [input, env.day, new Map([[1, 2n]])]",
    input: -0,
    env: { day: new Date(1) },
  })
  assert.deepEqual(run.ok && run.result, [-0, new Date(1), new Map([[1, 2n]])])
})

async function listening(given: Server): Promise<{ origin: string }> {
  await new Promise<void>((resolve) => given.listen(0, "127.0.0.1", resolve))
  return { origin: `http://127.0.0.1:${(given.address() as AddressInfo).port}` }
}

test("keys go over the client", async () => {
  const { id, key: limited } = await platform.keys.create({ name: "ci", scopes: ["run"], tenant: "acme" })
  assert.equal((await connect({ url, key: limited }).run({ script: "1" })).ok, true)
  assert.deepEqual(await codeOf(connect({ url, key: limited }).keys.list()), { code: "auth.forbidden" })
  const known = (await platform.keys.list()).find((one) => one.id === id)
  assert.deepEqual([known?.name, known?.scopes, known?.tenant, known?.revokedAt], ["ci", ["run"], "acme", null])
  await platform.keys.revoke(id)
  assert.deepEqual(await codeOf(connect({ url, key: limited }).run({ script: "1" })), { code: "auth.invalid" })
})
