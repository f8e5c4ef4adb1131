import assert from "node:assert/strict"
import { once } from "node:events"
import { after, test } from "node:test"
import { createPlatform, DynamicWorker, type RunWebSocket, WorkerLoader } from "@mayfly/platform"

const platform = await createPlatform({ hosts: 1, spare: false })
after(() => platform.dispose())

const worker = async (script: string, options: object = {}): Promise<DynamicWorker> =>
  DynamicWorker.create({ script, platform, ...options })

const upgrade = {
  headers: { upgrade: "websocket", connection: "Upgrade", "sec-websocket-key": "dGhlIHNhbXBsZSBub25jZQ==" },
}

/** A handler that accepts, then runs `body` with `server`. */
const socketScript = (body: string): string => `export default { async fetch(request, env) {
  if (request.headers.get("upgrade") !== "websocket") return new Response("upgrade, please", { status: 426 })
  const { 0: client, 1: server } = new WebSocketPair()
  server.accept()
  ${body}
  return new Response(null, { status: 101, webSocket: client }) } }`

const open = async (from: {
  fetch(url: string, init: object): Promise<{ webSocket: RunWebSocket | null }>
}): Promise<RunWebSocket> => {
  const { webSocket } = await from.fetch("https://a.b/", upgrade)
  assert.ok(webSocket)
  return webSocket
}

const closed = async (socket: RunWebSocket): Promise<{ code: number; reason: string; wasClean: boolean }> => {
  const [{ code, reason, wasClean }] = (await once(socket, "close")) as [CloseEvent]
  return { code, reason, wasClean }
}

/** The next `count` messages, bytes as arrays of numbers. */
const messages = async (socket: RunWebSocket, count: number): Promise<unknown[]> =>
  new Promise((resolve) => {
    const seen: unknown[] = []
    socket.addEventListener("message", ({ data }) => {
      seen.push(data instanceof ArrayBuffer ? [...new Uint8Array(data)] : data)
      if (seen.length === count) resolve(seen)
    })
  })

test("a handler upgrades, and text and bytes go both ways in order", async () => {
  const echo = await worker(
    socketScript(`server.addEventListener("message", ({ data }) => server.send(typeof data === "string" ? data + "!" : new Uint8Array(data).map((n) => n + 1)))
      server.addEventListener("close", ({ code, reason, wasClean }) => console.log(code, reason, wasClean))`),
  )
  const response = await echo.fetch("https://a.b/", upgrade)
  const { status, ok, statusText, body } = response
  assert.deepEqual({ status, ok, statusText, body }, { status: 101, ok: false, statusText: "", body: null })
  const socket = response.webSocket
  assert.ok(socket)
  assert.equal(socket.readyState, 1)
  const seen = messages(socket, 5)
  socket.accept()
  socket.accept()
  for (const message of ["a", new Uint8Array([1, 2, 255]), "ü\u{1F600}", new Uint8Array([7]).buffer, ""])
    socket.send(message)
  assert.deepEqual(await seen, ["a!", [2, 3, 0], "ü\u{1F600}!", [8], "!"])
  const end = closed(socket)
  socket.close(4001, "enough")
  assert.deepEqual([await end, socket.readyState], [{ code: 4001, reason: "enough", wasClean: true }, 3])
})

test("a thousand messages arrive complete and in order, both ways", async () => {
  const echo = await worker(socketScript(`server.onmessage = (event) => server.send(event.data)`))
  const socket = await open(echo)
  const seen = messages(socket, 1_000)
  socket.accept()
  for (let n = 0; n < 1_000; n++) socket.send(String(n))
  assert.deepEqual(
    await seen,
    Array.from({ length: 1_000 }, (_, n) => String(n)),
  )
  socket.close()
})

test("the handler closes: what it sent before arrives first, and the run is over", async () => {
  const brief = await worker(socketScript(`server.send("one"); server.send("two"); server.close(1000, "bye")`))
  const socket = await open(brief)
  const seen = messages(socket, 2)
  const end = closed(socket)
  socket.accept()
  assert.deepEqual([await seen, await end], [["one", "two"], { code: 1000, reason: "bye", wasClean: true }])
})

test("both see their own code when the handler closes without one", async () => {
  const told = Promise.withResolvers<unknown>()
  const brief = await worker(
    socketScript(
      `server.addEventListener("close", ({ code, wasClean }) => env.told([code, wasClean])); server.close()`,
    ),
    { env: { told: told.resolve } },
  )
  const socket = await open(brief)
  const end = closed(socket)
  socket.accept()
  assert.deepEqual([await end, await told.promise], [{ code: 1005, reason: "", wasClean: true }, [1005, true]])
})

test("an upgrade with wallMs null stays open, and ends with the socket", async () => {
  const quiet = await worker(socketScript(`server.onmessage = () => { server.send("still here") }`), {
    limits: { wallMs: null },
  })
  const socket = await open(quiet)
  socket.accept()
  for (let round = 0; round < 3; round++) {
    const seen = messages(socket, 1)
    socket.send("?")
    assert.deepEqual(await seen, ["still here"])
  }
  const end = closed(socket)
  socket.close(1000)
  assert.deepEqual(await end, { code: 1000, reason: "", wasClean: true })
})

test("a run that fails breaks its socket with the run's coded error", async () => {
  const doomed = await worker(socketScript(`server.onmessage = () => { for (;;); }`), { limits: { cpuMs: 100 } })
  const socket = await open(doomed)
  socket.accept()
  const error = once(socket, "error") as Promise<[Event & { error: { code: string } }]>
  const end = closed(socket)
  socket.send("go")
  const [event] = await error
  assert.equal(event.error.code, "worker.cpu-limit")
  assert.deepEqual({ ...(await end), reason: "" }, { code: 1006, reason: "", wasClean: false })
  socket.send("nobody hears this")
})

test("wallMs counts while a socket is open", async () => {
  const idle = await worker(socketScript(""), { limits: { wallMs: 200 } })
  const socket = await open(idle)
  socket.accept()
  const [event] = (await once(socket, "error")) as [Event & { error: { code: string } }]
  assert.equal(event.error.code, "worker.wall-limit")
})

test("the caller's signal breaks the socket", async () => {
  const idle = await worker(socketScript(""))
  const abort = new AbortController()
  const { webSocket } = await idle.fetch("https://a.b/", { ...upgrade, signal: abort.signal })
  assert.ok(webSocket)
  webSocket.accept()
  const error = once(webSocket, "error") as Promise<[Event & { error: { code: string } }]>
  abort.abort()
  assert.equal((await error)[0].error.code, "worker.aborted")
})

test("another guest can use the socket, or pass the response on", async () => {
  const echo = await worker(socketScript(`server.onmessage = ({ data }) => server.send("echo " + data)`))
  const user = await worker(
    `export default { async run(input, env) {
      const response = await env.ECHO.fetch("https://a.b/", { headers: { upgrade: "websocket" } })
      const socket = response.webSocket
      socket.accept()
      socket.send(input)
      const data = await new Promise((resolve) => socket.addEventListener("message", ({ data }) => resolve(data)))
      socket.close(1000, "done")
      const code = await new Promise((resolve) => socket.addEventListener("close", ({ code }) => resolve(code)))
      return { status: response.status, data, code } } }`,
    { env: { ECHO: echo } },
  )
  assert.deepEqual(await user.run("x"), { status: 101, data: "echo x", code: 1000 })
  const proxy = await worker(`export default { fetch: (request, env) => env.ECHO.fetch(request) }`, {
    env: { ECHO: echo },
  })
  const socket = await open(proxy)
  const seen = messages(socket, 1)
  socket.accept()
  socket.send("y")
  assert.deepEqual(await seen, ["echo y"])
  const end = closed(socket)
  socket.close(1000)
  assert.deepEqual(await end, { code: 1000, reason: "", wasClean: true })
})

test("a loader stub upgrades", async () => {
  const loader = new WorkerLoader({ platform })
  const stub = loader.get("sockets", () => ({
    compatibilityDate: "2026-01-01",
    mainModule: "index.js",
    modules: { "index.js": socketScript(`server.onmessage = ({ data }) => server.send(data)`) },
  }))
  const socket = await open(stub.getEntrypoint() as never)
  const seen = messages(socket, 1)
  socket.accept()
  socket.send("z")
  assert.deepEqual(await seen, ["z"])
  socket.close()
})

test("the death of one guest's run reaches the guest at the other end", async () => {
  const told = Promise.withResolvers<unknown>()
  const server = await worker(
    socketScript(`server.addEventListener("close", ({ code, wasClean }) => env.told([code, wasClean]))`),
    { env: { told: told.resolve } },
  )
  const client = await worker(
    `export default { async run(input, env) {
      const { webSocket } = await env.SERVER.fetch("https://a.b/", { headers: { upgrade: "websocket" } })
      webSocket.accept()
      for (;;); } }`,
    { env: { SERVER: server }, limits: { cpuMs: 100 } },
  )
  const run = await client.execute()
  assert.equal(run.ok ? "ok" : run.error.code, "worker.cpu-limit")
  assert.deepEqual(await told.promise, [1006, false])
})

test("wrong use of WebSockets is told to the program", async () => {
  const cases =
    await worker(`const attempt = (f) => { try { return f() } catch (e) { return e.name + ": " + e.message } }
  export default () => {
    const pair = new WebSocketPair(), [a, b] = Object.values(pair)
    a.accept()
    const results = [
      attempt(() => new Response(null, { status: 101 })),
      attempt(() => new Response(null, { webSocket: b })),
      attempt(() => new Response("x", { status: 101, webSocket: b })),
      attempt(() => new Response(null, { status: 101, webSocket: {} })),
      attempt(() => b.send("x")), attempt(() => b.close()),
      attempt(() => a.close(1005)), attempt(() => a.close(undefined, "why")), attempt(() => a.close(1000, "x".repeat(124))),
      attempt(() => { a.close(1000); a.send("late") }),
      a.readyState, b instanceof WebSocket, String(b), new Response().webSocket, WebSocket.OPEN, b.OPEN,
      attempt(() => new Response(null, { status: 101, webSocket: b }).clone()),
    ]
    return results
  }`)
  assert.deepEqual(await cases.run(), [
    "RangeError: The status of a Response must be in the range of 200 to 599",
    "RangeError: Responses with a WebSocket must have status code 101.",
    "TypeError: Responses with a WebSocket cannot have a body.",
    "TypeError: Response: webSocket is not a WebSocket",
    "TypeError: You must call accept() on this WebSocket before sending messages.",
    "TypeError: You must call accept() on this WebSocket before closing it.",
    "TypeError: Invalid WebSocket close code: 1005.",
    "TypeError: If you specify a WebSocket close reason, you must also specify a code.",
    "TypeError: A WebSocket close reason may have 123 bytes.",
    "TypeError: Can't call WebSocket send() after close().",
    2,
    true,
    "[object WebSocket]",
    null,
    1,
    1,
    "TypeError: Cannot clone a response to a WebSocket handshake.",
  ])
})

test("a socket that was accepted can't be returned, and one can't be returned twice", async () => {
  const accepted = await worker(`export default { fetch() { const { 0: client } = new WebSocketPair(); client.accept()
    return new Response(null, { status: 101, webSocket: client }) } }`)
  await assert.rejects(accepted.fetch("https://a.b/", upgrade), {
    code: "worker.guest",
    message: /Can't return WebSocket in a Response after calling accept\(\)/,
  })
})

test("executeRequest fails with a code when the handler upgrades, and the run ends", async () => {
  const brief = await worker(socketScript(""))
  const run = await brief.executeRequest(new Request("https://a.b/", upgrade))
  assert.equal(run.ok ? "ok" : run.error.code, "worker.unsupported")
})
