import assert from "node:assert/strict"
import { once } from "node:events"
import { connect } from "node:net"
import { after, test } from "node:test"
import { serveWorker } from "./serve-project.ts"
import { WebSocketClient } from "./web-socket-client.ts"

const worker = `
  import { Hono } from "hono"
  import { upgradeWebSocket } from "hono/cloudflare-workers"
  import { WebSocketPair as Imported, WorkerResponse } from "mayfly"

  const guest = \`export default { fetch(request, env) {
    const { 0: client, 1: server } = new WebSocketPair()
    server.accept()
    server.onmessage = ({ data }) => { if (data === "loop") for (;;); server.send("guest " + data) }
    return new Response(null, { status: 101, webSocket: client }) } }\`

  const app = new Hono()
  app.use(async (c, next) => { await next(); c.header("set-cookie", "hono=1") })
  app.get("/hono", upgradeWebSocket(() => ({ onMessage: ({ data }, ws) => ws.send("hono " + data) })))
  class Special extends Response {}

  export default {
    async fetch(request: Request, env: any, ctx: any) {
      const { pathname, searchParams } = new URL(request.url)
      if (pathname === "/hono") return app.fetch(request, env, ctx)
      if (pathname === "/guest") {
        const limits = { cpuMs: 100, wallMs: 60_000 }
        return env.LOADER.load({ mainModule: "m.js", modules: { "m.js": guest }, limits }).getEntrypoint().fetch(request)
      }
      if (pathname === "/same") {
        const fetched = await fetch("data:text/plain,x")
        const copied = new Response("b", fetched)
        return Response.json([
          fetched instanceof Response, copied instanceof Response, Response.json(1) instanceof Response,
          copied.headers.get("content-type"), copied instanceof WorkerResponse, new Response("x").webSocket ?? null,
          new Special("x") instanceof Special, new Special("x") instanceof Response, Imported === WebSocketPair,
          WebSocket.READY_STATE_OPEN, Response.name,
        ])
      }
      if (pathname === "/missing") {
        const code = async (act: () => unknown) => { try { await act(); return "fine" } catch (error) { return [error.code, error.message] } }
        return Response.json([await code(() => new HTMLRewriter()), await code(() => caches.default), await code(() => caches.open("x")),
          await code(() => new Response(null, { status: 101 })), await code(() => new Response(null, { webSocket: {} }))])
      }
      if (pathname === "/plain") return new Response("no upgrade " + request.headers.get("upgrade"), { status: 404, headers: { "x-a": "b" } })
      if (pathname === "/throw") throw new Error("no socket today")
      if (pathname === "/hang") {
        request.signal.addEventListener("abort", () => console.log("signal fired"))
        console.log("hanging")
        await new Promise(() => {})
      }
      const [client, server] = Object.values(new WebSocketPair())
      if (pathname === "/accepted") client.accept()
      server.accept()
      server.addEventListener("message", ({ data }) => {
        if (data === "throw") throw new Error("thrown in a listener")
        if (data === "close") server.close(4001, "bye " + "é".repeat(100))
        else server.send(data)
      })
      server.addEventListener("error", ({ message }) => console.log("socket error:", message))
      server.addEventListener("close", ({ code, reason, wasClean }) => console.log("socket closed:", code, reason, wasClean))
      const headers = new Headers({ "x-hidden": "1", "sec-websocket-accept": "forged" })
      if (searchParams.has("protocol")) headers.set("sec-websocket-protocol", searchParams.get("protocol"))
      for (const cookie of searchParams.getAll("cookie")) headers.append("set-cookie", cookie)
      const answer = new Response(null, { status: 101, webSocket: client, headers })
      return pathname === "/copied" ? new Special(answer.body, answer) : answer
    },
  }`

const served = await serveWorker(worker, ["--allow-host", "app.example"])
after(() => served.stop())
const open = (path: string, ...rest: [options?: object, protocols?: string[]]): Promise<WebSocketClient> =>
  WebSocketClient.open(served.url + path, ...rest)
const refused = async (path: string, ...rest: [options?: object, protocols?: string[]]): Promise<unknown> => {
  const { status, body } = await WebSocketClient.refused(served.url + path, ...rest)
  return [status, body.startsWith("{") ? (JSON.parse(body) as { error: { code: string } }).error.code : body]
}

test("text, bytes, large and empty messages go both ways in order", async () => {
  const client = await open("/")
  const large = "é".repeat(1 << 20)
  for (const message of ["one", new Uint8Array([1, 2, 255]), "", large]) client.socket.send(message)
  assert.deepEqual([await client.next(), await client.next(), await client.next()], ["one", [1, 2, 255], ""])
  assert.equal((await client.next()) === large, true)
  client.socket.close(4000, "done")
  assert.deepEqual(await client.closed, [4000, "done"])
  await served.output(/socket closed: 4000 done true/)
})

test("the worker's close has its code, and a reason that fits", async () => {
  const client = await open("/")
  client.socket.send("close")
  assert.deepEqual(await client.closed, [4001, `bye ${"é".repeat(36)}`])
})

test("an error in a listener is logged, and the socket goes on", async () => {
  const client = await open("/")
  for (const message of ["throw", "after"]) client.socket.send(message)
  assert.equal(await client.next(), "after")
  await served.output(/outside of any request[^]*thrown in a listener/)
  client.socket.close()
})

test("a ping is answered, and a client that breaks off is an error and a close for the worker", async () => {
  const client = await open("/")
  client.socket.ping("beat")
  assert.deepEqual(String((await once(client.socket, "pong"))[0]), "beat")
  client.socket.terminate()
  await served.output(/socket error: the WebSocket's client has gone away\nsocket closed: 1006 {2}false/)
})

test("a guest's WebSocket is passed on, and its failure closes it with 1011 and the code", async () => {
  const client = await open("/guest")
  client.socket.send("hello")
  assert.equal(await client.next(), "guest hello")
  client.socket.send("loop")
  assert.deepEqual(await client.closed, [1011, "worker.cpu-limit"])
})

test("of the worker's headers only the subprotocol and cookies are sent", async () => {
  const client = await open("/?protocol=v2&cookie=a=1&cookie=b=2", {}, ["v1", "v2"])
  assert.equal(client.socket.protocol, "v2")
  const { connection, upgrade, "sec-websocket-accept": accept, ...rest } = client.headers
  assert.deepEqual(rest, { "sec-websocket-protocol": "v2", "set-cookie": ["a=1", "b=2"] })
  assert.deepEqual([connection, upgrade, accept === "forged"], ["Upgrade", "websocket", false])
  client.socket.close()
  assert.deepEqual(await refused("/?protocol=v3", {}, ["v1"]), [500, "server.worker-failed"])
  await served.output(/chose the subprotocol "v3", which the client does not offer/)
  const without = await open("/copied")
  assert.equal(without.socket.protocol, "")
  without.socket.close()
})

test("hono upgrades, with headers that a middleware adds", async () => {
  const client = await open("/hono")
  client.socket.send("x")
  assert.equal(await client.next(), "hono x")
  assert.deepEqual(client.headers["set-cookie"], ["hono=1"])
  client.socket.close()
})

test("any other answer is a normal one", async () => {
  const answer = await WebSocketClient.refused(`${served.url}/plain`)
  assert.deepEqual(
    [answer.status, answer.body, answer.headers["x-a"], answer.headers.connection],
    [404, "no upgrade websocket", "b", "close"],
  )
  assert.deepEqual(await refused("/throw"), [500, "server.worker-failed"])
  assert.deepEqual(await refused("/accepted"), [500, "server.worker-failed"])
  await served.output(/no socket today/)
  await served.output(/Can't return WebSocket in a Response after calling accept/)
})

test("a request that did not ask gets no WebSocket, and the worker's side is closed", async () => {
  const response = await fetch(`${served.url}/`, { method: "POST", body: "x" })
  assert.deepEqual(
    [response.status, ((await response.json()) as { error: { code: string } }).error.code],
    [500, "server.worker-failed"],
  )
  await served.output(/answered with a WebSocket to a request that did not ask for one/)
  await served.output(/socket closed: 1001 {2}true/)
})

test("other protocols to upgrade to are ignored, as before", async () => {
  const socket = connect(Number(new URL(served.url).port), "127.0.0.1")
  socket.write("GET /plain HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade, close\r\nUpgrade: h2c\r\n\r\n")
  let text = ""
  for await (const chunk of socket) text += String(chunk)
  assert.match(text, /^HTTP\/1\.1 404 [^]*no upgrade h2c/)
})

test("foreign hosts and pages are refused", async () => {
  const as = (headers: object): Promise<unknown> => refused("/", { headers })
  assert.deepEqual(await as({ host: "evil.example" }), [403, "auth.host"])
  for (const origin of [
    "https://evil.example",
    "null",
    "http://localhost.evil.example",
    "file://",
    "https://a@localhost",
  ])
    assert.deepEqual(await as({ origin }), [403, "auth.host"], origin)
  for (const origin of [served.url, "http://localhost:5173", "https://app.example"]) {
    const client = await open("/", { origin })
    client.socket.close()
    assert.equal((await client.closed)[0], 1005)
  }
})

test("a client that goes away while the worker thinks fires request.signal", async () => {
  const socket = connect(Number(new URL(served.url).port), "127.0.0.1")
  socket.write(
    "GET /hang HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
  )
  await served.output(/hanging/)
  socket.end()
  await served.output(/signal fired/)
})

test("Response stays one class for all responses, and what is missing says so", async () => {
  assert.deepEqual(await (await fetch(`${served.url}/same`)).json(), [
    true,
    true,
    true,
    "text/plain",
    false,
    null,
    true,
    true,
    true,
    1,
    "Response",
  ])
  const unsupported = (name: string): unknown => [
    "worker.unsupported",
    `${name} exists in guests, not in the served worker itself`,
  ]
  const [rewriter, cache, opened, status, socket] = (await (await fetch(`${served.url}/missing`)).json()) as [
    ...[unknown, unknown, unknown, [null, string], [null, string]],
  ]
  assert.deepEqual(
    [rewriter, cache, opened],
    [unsupported("HTMLRewriter"), unsupported("caches"), unsupported("caches")],
  )
  assert.match(status[1], /must be in the range of 200 to 599/)
  assert.match(socket[1], /webSocket is not a WebSocket/)
})

test("stopping closes WebSockets with 1001, and takes no new ones", async () => {
  const other = await serveWorker(worker)
  const clients = await Promise.all(Array.from({ length: 5 }, () => WebSocketClient.open(`${other.url}/`)))
  const guest = await WebSocketClient.open(`${other.url}/guest`)
  other.child.kill("SIGTERM")
  for (const client of [...clients, guest]) assert.deepEqual(await client.closed, [1001, "the server stops"])
  assert.equal(await other.stop(), 0)
})

test("killed with -9, clients see it and a new process serves them", async () => {
  const first = await serveWorker(worker)
  const port = new URL(first.url).port
  const client = await WebSocketClient.open(`${first.url}/guest`)
  client.socket.send("x")
  assert.equal(await client.next(), "guest x")
  first.child.kill("SIGKILL")
  assert.deepEqual(await client.closed, [1006, ""])
  const second = await serveWorker(worker, ["--worker-port", port])
  const again = await WebSocketClient.open(`${second.url}/guest`)
  again.socket.send("y")
  assert.equal(await again.next(), "guest y")
  assert.deepEqual([second.url, await second.stop()], [first.url, 0])
  await first.stop()
})
