import assert from "node:assert/strict"
import { createServer, type IncomingMessage } from "node:http"
import { test, type TestContext } from "node:test"
import type { EgressContext, EgressWebSocket, HeaderPairs, NetworkPolicy } from "@mayfly/protocol"
import { type WebSocket, WebSocketServer } from "ws"
import { createHttpEgress, type HttpEgress } from "./create-egress.ts"
import { contextOf, listening, serve, serveSocket, type TestContextOf } from "./egress-harness.ts"
import type { EgressOptions } from "./egress-options.ts"

type OnSocket = (socket: WebSocket, request: IncomingMessage) => void

/** A WebSocket server on 127.0.0.1. Gives its http origin. */
async function serveWebSocket(t: TestContext, onSocket: OnSocket): Promise<string> {
  const http = createServer()
  const server = new WebSocketServer({ server: http, handleProtocols: (protocols) => [...protocols].at(-1) ?? false })
  server.on("connection", (socket, request) => {
    socket.on("error", () => {})
    onSocket(socket, request)
  })
  return `http://127.0.0.1:${await listening(t, http)}`
}

interface Open {
  readonly policy?: NetworkPolicy
  readonly protocols?: readonly string[]
  readonly headers?: HeaderPairs
  readonly context?: Partial<EgressContext>
  readonly options?: EgressOptions
}

function egressFor(t: TestContext, options: EgressOptions = {}): HttpEgress {
  const egress = createHttpEgress(options)
  t.after(() => egress.close())
  return egress
}

async function open(
  t: TestContext,
  origin: string,
  { policy, protocols = [], headers = [], context: given = {}, options = {} }: Open = {},
): Promise<{ readonly socket: EgressWebSocket; readonly context: TestContextOf }> {
  const context = contextOf(policy ?? { allowedOrigins: [origin] }, given)
  const url = `${origin.replace(/^http/, "ws")}/path?query`
  return { socket: await egressFor(t, options).openWebSocket(url, { protocols, headers }, context), context }
}

test("openWebSocket carries text and bytes both ways, and its row ends with it", async (t) => {
  const seen: IncomingMessage["headers"][] = []
  const origin = await serveWebSocket(t, (socket, request) => {
    seen.push(request.headers)
    socket.on("message", (data, isBinary) => {
      socket.send(data, { binary: isBinary })
      if (!isBinary && (data as Buffer).toString() === "end") socket.close(4001, "done")
    })
  })
  const rule = { origin, headers: { authorization: { secret: "TOKEN" } } }
  const options = { secrets: { resolve: () => Promise.resolve("s3cret") } }
  const headers = [
    ["Origin", "https://app.example"],
    ["Sec-WebSocket-Key", "mine"],
    ["Host", "evil.example"],
    ["Authorization", "guess"],
  ] as const
  const { socket, context } = await open(t, origin, {
    policy: { allowedOrigins: [rule] },
    protocols: ["v1", "v2"],
    headers,
    options,
  })
  assert.equal(socket.protocol, "v2")
  await socket.send("grüße")
  await socket.send(Uint8Array.of(1, 2, 3))
  await socket.send("end")
  const messages: unknown[] = []
  for await (const message of socket.messages) messages.push(message)
  assert.deepEqual(messages, ["grüße", Uint8Array.of(1, 2, 3), "end"])
  assert.deepEqual(await socket.closed, { code: 4001, reason: "done" })
  const [{ host, origin: sent, authorization, "sec-websocket-key": key }] = seen as [IncomingMessage["headers"]]
  assert.deepEqual(
    [host, sent, authorization, key === "mine"],
    [origin.slice(7), "https://app.example", "Bearer s3cret", false],
  )
  const [row] = context.rows
  assert.deepEqual(
    [row?.status, row?.path, row?.reason, row?.bytesIn, row?.bytesOut, row?.secrets, row?.address, row?.method],
    [101, "/path", null, 13, 13, ["TOKEN"], "127.0.0.1", "GET"],
  )
})

test("openWebSocket is decided like a request to the same origin", async (t) => {
  const origin = await serveWebSocket(t, () => assert.fail("a denied WebSocket was opened"))
  for (const policy of [
    {},
    { allowedOrigins: [origin], deniedOrigins: [origin] },
    { allowedOrigins: [{ origin, methods: ["POST"] }] },
    { allowedOrigins: [{ origin, paths: ["/other"] }] },
    { defaultPolicy: "allow" as const },
  ]) {
    await assert.rejects(open(t, origin, { policy }), { code: "mesh.denied" }, JSON.stringify(policy))
  }
})

test("openWebSocket follows no redirect and says what the server answered", async (t) => {
  const target = await serveWebSocket(t, () => assert.fail("a redirect was followed"))
  const origin = await serve(t, (_request, response) => response.writeHead(302, { location: target }).end())
  const context = contextOf({ allowedOrigins: [origin, target] })
  await assert.rejects(
    egressFor(t).openWebSocket(origin.replace("http", "ws"), { protocols: [], headers: [] }, context),
    { code: "mesh.unreachable", message: /answered 302 instead of opening a WebSocket/ },
  )
  assert.deepEqual(
    context.rows.map(({ status, reason }) => [status, reason]),
    [[302, "unreachable"]],
  )
})

test("openWebSocket refuses a server that proves nothing", async (t) => {
  for (const answer of [
    "HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: websocket\r\nsec-websocket-accept: x\r\n\r\n",
    "HTTP/1.1 101 Switching Protocols\r\n\r\n",
    "nonsense\r\n\r\n",
    "",
  ]) {
    const port = await serveSocket(t, (socket) => socket.once("data", () => socket.end(answer)))
    await assert.rejects(open(t, `http://127.0.0.1:${port}`), { code: "mesh.unreachable" }, answer)
  }
})

test("openWebSocket checks subprotocols before anything is asked", async (t) => {
  for (const protocols of [["a b"], ["a", "a"], [""], ["x\r\ny"], Array<string>(200).fill("a")]) {
    await assert.rejects(open(t, "http://127.0.0.1:1", { protocols }), { code: "input.invalid" })
  }
})

test("messages that nobody reads stay with the server", async (t) => {
  let sent = 0
  const origin = await serveWebSocket(t, (socket) => {
    const message = Buffer.alloc(256 << 10)
    const more = (): void => {
      if (socket.readyState !== 1 || sent > 200) return
      sent++
      socket.send(message, () => setImmediate(more))
    }
    more()
  })
  const { socket } = await open(t, origin)
  const reader = socket.messages.getReader()
  await reader.read()
  // Everything that can move has moved when a fresh connection to the same server has been through its handshake.
  const second = await open(t, origin)
  second.socket.close()
  assert.ok(sent < 200, `${sent} messages were taken for one that was read`)
  socket.close()
  await socket.closed
})

test("a message beyond the limit ends the WebSocket with a code, also by the rule's total", async (t) => {
  const origin = await serveWebSocket(t, (socket) =>
    socket.on("message", (data) => socket.send(Buffer.alloc(Number(data)))),
  )
  const limited = await open(t, origin, { context: { maxResponseBytes: 1000 } })
  await limited.socket.send("1001")
  await assert.rejects(limited.socket.messages.getReader().read(), { code: "mesh.response-too-large" })
  assert.equal((await limited.socket.closed).code, 1006)
  assert.equal(limited.context.rows[0]?.reason, "response-too-large")

  const ruled = await open(t, origin, {
    policy: { allowedOrigins: [{ origin, maxResponseBytes: 1000, maxRequestBytes: 9 }] },
  })
  const reader = ruled.socket.messages.getReader()
  await ruled.socket.send("600")
  await reader.read()
  await ruled.socket.send("600")
  await assert.rejects(reader.read(), { code: "mesh.response-too-large" })

  const sending = await open(t, origin, { policy: { allowedOrigins: [{ origin, maxRequestBytes: 2 }] } })
  await sending.socket.send("10")
  await assert.rejects(sending.socket.send("1"), { code: "mesh.request-too-large" })
  await assert.rejects(sending.socket.send("1"), { code: "mesh.request-too-large" })
})

test("send waits while the other side does not read", async (t) => {
  const origin = await serveWebSocket(t, (socket) => socket.pause())
  const { socket } = await open(t, origin)
  const message = new Uint8Array(1 << 20)
  let isFull = false
  let sent = 0
  while (!isFull && sent < 200) {
    const sending = socket.send(message).then(
      () => false,
      () => false,
    )
    const turns = new Promise<boolean>((resolve) => setImmediate(() => setImmediate(() => setImmediate(resolve, true))))
    isFull = await Promise.race([sending, turns])
    sent++
  }
  assert.ok(isFull, `${sent} MiB were taken`)
})

test("close is safe twice and at any time; bad codes are refused", async (t) => {
  const origin = await serveWebSocket(t, (socket) => socket.send("unread"))
  const { socket, context } = await open(t, origin)
  assert.throws(() => socket.close(1006), { code: "input.invalid" })
  assert.throws(() => socket.close(4000, "x".repeat(124)), { code: "input.invalid" })
  socket.close(4000, "bye")
  socket.close()
  assert.deepEqual(await socket.closed, { code: 4000, reason: "bye" })
  await assert.rejects(socket.send("late"), { code: "mesh.unreachable" })
  assert.equal(context.rows[0]?.reason, null)
})

test("the signal ends a WebSocket at once, while it opens and while it is open", async (t) => {
  const abort = new AbortController()
  const origin = await serveWebSocket(t, () => {})
  const { socket, context } = await open(t, origin, { context: { signal: abort.signal } })
  abort.abort("over")
  assert.deepEqual(
    context.rows.map(({ reason }) => reason),
    ["aborted"],
  )
  await assert.rejects(socket.messages.getReader().read(), (error) => error === "over")
  assert.equal((await socket.closed).code, 1006)

  const opening = new AbortController()
  const port = await serveSocket(t, (silent) => silent.once("data", () => opening.abort("early")))
  await assert.rejects(
    open(t, `http://127.0.0.1:${port}`, { context: { signal: opening.signal } }),
    (error) => error === "early",
  )
})

test("pings are answered, and a flood of them is not held for a peer that does not read", async (t) => {
  const ponged = Promise.withResolvers<string>()
  const origin = await serveWebSocket(t, (socket) => {
    socket.on("pong", (data) => ponged.resolve(data.toString()))
    socket.ping("are you there")
  })
  const { socket } = await open(t, origin)
  assert.equal(await ponged.promise, "are you there")
  socket.close()

  const flooded = Promise.withResolvers<void>()
  const flooding = await serveWebSocket(t, (peer) => {
    peer.pause()
    for (let n = 0; n < 100_000; n++) peer.ping("x".repeat(100))
    peer.send("after", () => flooded.resolve())
  })
  const victim = await open(t, flooding)
  assert.equal((await victim.socket.messages.getReader().read()).value, "after")
  await flooded.promise
  victim.socket.close()
})
