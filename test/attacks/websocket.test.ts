// WebSockets as a way to fill the supervisor's memory, to hold it up, or to outlive a run. A neighbour must not notice.
import assert from "node:assert/strict"
import { once } from "node:events"
import type { AddressInfo } from "node:net"
import { after, test } from "node:test"
import { createPlatform, DynamicWorker, type RunWebSocket } from "@mayfly/platform"
import { WebSocketServer } from "ws"
import { attack, codeOf } from "./beside-neighbours.ts"

const platform = await createPlatform({ hosts: 1, spare: false })
after(() => platform.dispose())

/** The parent accepts whatever socket it is given, and remembers what it saw. */
function listener(onSocket: (socket: RunWebSocket) => void = (socket) => socket.accept()) {
  const seen = { bytes: 0, ends: [] as string[] }
  const take = (socket: RunWebSocket): void => {
    socket.addEventListener("message", ({ data }) => (seen.bytes += (data as string).length))
    socket.addEventListener("error", ({ message }) => seen.ends.push(message))
    socket.addEventListener("close", ({ code }) => seen.ends.push(String(code)))
    onSocket(socket)
  }
  return { seen, take }
}

const pair = "const [client, server] = Object.values(new WebSocketPair()); server.accept();"

test("a flood that nobody takes ends its socket at 64 MiB, with a coded error", async () => {
  const { seen, take } = listener(() => {})
  const { run, peakMb } = await attack(
    `export default async (input, env) => { ${pair} await env.take(client)
      const text = "x".repeat(1 << 20)
      try { for (let n = 0; ; n++) server.send(text) } catch (error) { return [error.name, error.code, server.readyState < 3] } }`,
    { platform, env: { take }, limits: { memoryMb: 256 } },
  )
  assert.deepEqual(run.ok && run.result, ["RangeError", "worker.websocket-limit", true])
  assert.ok(peakMb < 500, `${peakMb} MiB`)
  assert.equal(seen.bytes, 0, "the parent never accepted it")
})

test("a flood of empty messages ends at its limits", async () => {
  const { take } = listener()
  const { run } = await attack(
    `export default async (input, env) => { ${pair} await env.take(client); for (;;) server.send("") }`,
    { platform, env: { take }, limits: { memoryMb: 128, cpuMs: 1_500 } },
  )
  assert.ok(["worker.cpu-limit", "worker.memory-limit", "worker.guest"].includes(codeOf(run)), codeOf(run))
})

test("a message of more than 32 MiB fails its socket on both sides", async () => {
  const ended = Promise.withResolvers<void>()
  const { seen, take } = listener((socket) => {
    socket.accept()
    socket.addEventListener("close", () => ended.resolve())
  })
  const { run } = await attack(
    `export default async (input, env) => { ${pair} await env.take(client)
      const closed = new Promise((resolve) => server.addEventListener("close", ({ code }) => resolve(code)))
      try { server.send("x".repeat((32 << 20) + 1)) } catch (error) { return [error.code, await closed] } }`,
    { platform, env: { take }, limits: { memoryMb: 256 } },
  )
  assert.deepEqual(run.ok && run.result, ["worker.websocket-limit", 1009])
  await ended.promise
  assert.equal(seen.ends[1], "1009")
})

test("a guest that takes nothing can't make the parent hold more than 64 MiB", async () => {
  const failed = Promise.withResolvers<string>()
  const { take } = listener((socket) => {
    socket.accept()
    socket.addEventListener("error", ({ error }) => failed.resolve((error as Error & { code: string }).code))
    const message = new Uint8Array(1 << 20)
    for (let n = 0; n < 100; n++) socket.send(message)
    assert.equal(socket.bufferedAmount, 0, "what was queued is gone")
  })
  const { run } = await attack(
    `export default async (input, env) => { const [client, server] = Object.values(new WebSocketPair()); await env.take(client)
      for (;;); }`,
    { platform, env: { take }, limits: { cpuMs: 300 } },
  )
  assert.equal(codeOf(run), "worker.cpu-limit")
  assert.equal(await failed.promise, "worker.websocket-limit")
})

test("sockets beyond 256 are refused, and the run goes on", async () => {
  const { take } = listener()
  const { run } = await attack(
    `export default async (input, env) => {
      let refused
      for (let n = 0; n < 300 && refused === undefined; n++) {
        ${pair}
        await env.take(client).catch((error) => { refused = [n, error.message] }) }
      return refused }`,
    { platform, env: { take } },
  )
  assert.equal(run.ok, true)
  const [count, message] = (run.ok ? run.result : []) as [number, string]
  assert.equal(count, 256)
  assert.match(message, /too many WebSockets are open at once: close some, there may be 256/)
})

test("sockets that are opened and closed for ever leave nothing behind", async () => {
  const { take } = listener()
  const { run } = await attack(
    `export default async (input, env) => {
      for (let n = 0; n < 600; n++) {
        ${pair}
        const closed = new Promise((resolve) => server.addEventListener("close", resolve))
        await env.take(client)
        server.close(1000)
        await closed }
      return "done" }`,
    { platform, env: { take }, limits: { subRequests: 50 } },
  )
  assert.deepEqual(run.ok && run.result, "done")
})

test("a socket never closed dies with its run's wall limit; sending and closing afterwards does nothing", async () => {
  const ended = Promise.withResolvers<void>()
  const { seen, take } = listener((socket) => {
    socket.accept()
    socket.addEventListener("close", () => {
      socket.send("late")
      socket.close(1006 as never, "late")
      ended.resolve()
    })
  })
  const { run } = await attack(
    `export default async (input, env) => { ${pair} await env.take(client); await new Promise(() => {}) }`,
    { platform, env: { take }, limits: { wallMs: 300 } },
  )
  assert.equal(codeOf(run), "worker.wall-limit")
  await ended.promise
  assert.equal(seen.ends[1], "1006")
})

test("a program that replaces the globals a socket is made of hurts only itself", async () => {
  const { seen, take } = listener()
  const { run } = await attack(
    `export default async (input, env) => { ${pair}
      Array.prototype.push = Promise.prototype.then = Map.prototype.get = function () { throw new Error("mine") }
      Object.defineProperty(Object.prototype, "0", { get() { return "polluted" }, configurable: true })
      env.take(client); server.send("x"); for (let n = 0; n < 1e7; n++); return 1 }`,
    { platform, env: { take }, limits: { wallMs: 2_000 } },
  )
  assert.ok(["ok", "worker.guest", "worker.wall-limit"].includes(codeOf(run)), codeOf(run))
  assert.ok(seen.bytes <= 8)
})

test("an upgrade's headers are data: the response lets nothing else through", async () => {
  const worker = await DynamicWorker.create({
    script: `export default { fetch() { const [client, server] = Object.values(new WebSocketPair()); server.accept(); server.close(1000)
      return new Response(null, { status: 101, webSocket: client, headers: { "sec-websocket-accept": "forged", connection: "close", "transfer-encoding": "chunked", "sec-websocket-protocol": "chat" } }) } }`,
    platform,
  })
  const response = await worker.fetch("https://a.b/", { headers: { upgrade: "websocket" } })
  assert.deepEqual(
    [response.status, response.headers.get("sec-websocket-accept"), response.body],
    [101, "forged", null],
  )
  const split = await DynamicWorker.create({
    script: `export default { fetch() { const [client] = Object.values(new WebSocketPair())
      return new Response(null, { status: 101, webSocket: client, headers: { "x": "a\\r\\nset-cookie: b" } }) } }`,
    platform,
  })
  await assert.rejects(split.fetch("https://a.b/"), { code: "worker.guest" })
})

test("a server that floods a guest which does not read has to wait, and so has nothing in our memory", async () => {
  const server = new WebSocketServer({ port: 0, host: "127.0.0.1" })
  const waiting = Promise.withResolvers<number>()
  server.on("connection", (socket) => {
    const message = Buffer.alloc(1 << 20)
    for (let n = 0; n < 100; n++) socket.send(message)
    socket.on("error", () => {})
    socket.on("message", () => waiting.resolve(socket.bufferedAmount))
  })
  await once(server, "listening")
  const { port } = server.address() as AddressInfo
  try {
    const { run } = await attack(
      `export default async () => {
        const { webSocket } = await fetch("http://127.0.0.1:${port}/", { headers: { upgrade: "websocket" } })
        await new Promise((done) => setTimeout(done, 300))
        webSocket.accept()
        webSocket.send("how much waits?")
        await new Promise((done) => setTimeout(done, 100))
        webSocket.close()
        return "done" }`,
      { platform, network: { allowedOrigins: [`http://127.0.0.1:${port}`] } },
    )
    assert.deepEqual(run.ok && run.result, "done")
    const left = await waiting.promise
    assert.ok(left > 80 << 20, `only ${left} bytes waited at the server`)
  } finally {
    for (const socket of server.clients) socket.terminate()
    server.close()
  }
})
