// Connections that a guest opens: new WebSocket, fetch with Upgrade, connect() of cloudflare:sockets. Real servers on loopback.
import assert from "node:assert/strict"
import { once } from "node:events"
import { createServer as createHttpServer, type Server } from "node:http"
import { type AddressInfo, createServer as createTcpServer, type Socket } from "node:net"
import { after, test } from "node:test"
import { createPlatform, DynamicWorker, type Run, WebSocketPair, WorkerLoader, WorkerResponse } from "@mayfly/platform"
import { type WebSocket, WebSocketServer } from "ws"

const platform = await createPlatform({ hosts: 1, spare: false })
after(() => platform.dispose())

/** A server that echoes, closes with what it is told, or refuses. */
const httpServer: Server = createHttpServer((_, response) => response.writeHead(426).end("upgrade, please"))
const clients: { headers: Record<string, unknown>; socket: WebSocket }[] = []
const webSockets = new WebSocketServer({
  server: httpServer,
  path: "/chat",
  handleProtocols: (offered) => [...offered].at(-1) ?? false,
})
webSockets.on("connection", (socket, request) => {
  clients.push({ headers: request.headers, socket })
  socket.on("message", (data: Buffer, isBinary) => {
    const text = data.toString()
    if (text.startsWith("close ")) socket.close(Number(text.slice(6)), "asked")
    else if (text === "terminate") socket.terminate()
    else if (text.startsWith("flood "))
      for (let n = 0; n < Number(text.slice(6)); n++) socket.send(String(n).padEnd(1_000))
    else socket.send(isBinary ? data : `echo ${text}`)
  })
})
const tcpSockets = new Set<Socket>()
const tcpServer = createTcpServer({ allowHalfOpen: true }, (socket) => {
  tcpSockets.add(socket)
  socket.on("error", () => {})
  socket.on("data", (data) => (data.toString() === "bye\n" ? socket.end("goodbye\n") : socket.write(data)))
  socket.on("end", () => socket.end("end of file\n"))
})
for (const server of [httpServer, tcpServer]) {
  server.listen(0, "127.0.0.1")
  await once(server, "listening")
}
const port = (httpServer.address() as AddressInfo).port
const tcpPort = (tcpServer.address() as AddressInfo).port
after(() => {
  for (const { socket } of clients) socket.terminate()
  for (const socket of tcpSockets) socket.destroy()
  httpServer.close()
  tcpServer.close()
})

const network = { allowedOrigins: [`http://127.0.0.1:${port}`, `tcp://127.0.0.1:${tcpPort}`] }

const run = async (body: string, options: object = {}): Promise<unknown> => resultOf(await execute(body, options))

const execute = async (body: string, options: object = {}): Promise<Run> => {
  const worker = await DynamicWorker.create({
    script: `import { connect } from "cloudflare:sockets"
      const url = "ws://127.0.0.1:${port}/chat?x=1", tcp = "127.0.0.1:${tcpPort}"
      const event = (target, type) => new Promise((resolve) => target.addEventListener(type, resolve))
      const next = async (socket) => (await event(socket, "message")).data
      const attempt = async (f) => { try { return await f() } catch (e) { return [e.name, e.code ?? e.message] } }
      const text = async (reader) => new TextDecoder().decode((await reader.read()).value)
      export default async (input, env) => { ${body} }`,
    platform,
    network,
    ...options,
  })
  return worker.execute()
}

const resultOf = (done: Run): unknown => (done.ok ? done.result : `${done.error.code}: ${done.error.message}`)

test("new WebSocket opens, sends and receives, and closes", async () => {
  const result = await run(`
    const socket = new WebSocket(url, ["a", "b"])
    const states = [socket.readyState, socket.url, socket.protocol]
    await event(socket, "open")
    states.push(socket.readyState, socket.protocol)
    const first = next(socket); socket.send("x")
    const answers = [await first]
    const second = next(socket); socket.send(new Uint8Array([1, 2]))
    answers.push([...new Uint8Array(await second)])
    const closed = event(socket, "close"); socket.close(3001, "mine")
    const { code, wasClean } = await closed
    return { states, answers, code, wasClean, end: socket.readyState }`)
  assert.deepEqual(result, {
    states: [0, `ws://127.0.0.1:${port}/chat?x=1`, "", 1, "b"],
    answers: ["echo x", [1, 2]],
    code: 3001,
    wasClean: true,
    end: 3,
  })
})

test("fetch with Upgrade gives a response with a socket to accept", async () => {
  const done = await execute(`
    const response = await fetch(url.replace("ws:", "http:"), { headers: { Upgrade: "websocket", "x-mine": "1", "sec-websocket-protocol": "a, b", "sec-websocket-key": "forged", connection: "close" } })
    const socket = response.webSocket
    socket.accept()
    const answer = next(socket); socket.send("y")
    const data = await answer
    const closed = event(socket, "close"); socket.send("close 4002")
    const { code, reason } = await closed
    return { status: response.status, protocol: response.headers.get("sec-websocket-protocol"), data, code, reason }`)
  assert.deepEqual(resultOf(done), { status: 101, protocol: "b", data: "echo y", code: 4002, reason: "asked" })
  const { headers } = clients.at(-1) ?? {}
  assert.deepEqual([headers?.["x-mine"], headers?.["sec-websocket-key"] === "forged"], ["1", false])
  assert.deepEqual([done.usage.subRequests, done.usage.bindingCalls, done.egress.length], [1, 0, 1])
  assert.deepEqual([done.egress[0]?.decision, done.egress[0]?.status], ["allow", 101])
})

test("a denied, refused or wrong WebSocket says so", async () => {
  const result = await run(`
    const failed = async (socket) => { const error = event(socket, "error"), close = event(socket, "close"); return [(await error).error.code, (await close).code, socket.readyState] }
    const refusing = url.replace("chat", "x")
    return [
      await failed(new WebSocket("wss://example.com/")),
      await attempt(() => fetch("https://example.com/", { headers: { upgrade: "websocket" } })),
      await failed(new WebSocket(refusing)),
      await attempt(() => fetch(refusing.replace("ws:", "http:"), { headers: { upgrade: "websocket" } })),
      await attempt(() => new WebSocket("ftp://example.com/")),
      await attempt(() => new WebSocket("no url")),
      await attempt(() => new WebSocket(url + "#x")),
      await attempt(() => new WebSocket(url, ["a", "a"])),
      await attempt(() => new WebSocket(url, "a b")),
      await attempt(() => new WebSocket(url).send("early")),
      await attempt(() => new WebSocket(url).accept()),
    ]`)
  assert.deepEqual((result as unknown[]).slice(0, 4), [
    ["mesh.denied", 1006, 3],
    ["TypeError", "mesh.denied"],
    ["mesh.unreachable", 1006, 3],
    ["TypeError", "mesh.unreachable"],
  ])
  assert.deepEqual(
    (result as [string, unknown][]).slice(4).map(([name]) => name),
    [...Array.from({ length: 5 }, () => "SyntaxError"), "TypeError", "TypeError"],
  )
})

test("a server that breaks the connection is an error and a close with 1006", async () => {
  const result = await run(`
    const socket = new WebSocket(url)
    await event(socket, "open")
    const error = event(socket, "error"), closed = event(socket, "close")
    socket.send("terminate")
    return [(await error).type, (await closed).code, (await closed).wasClean]`)
  assert.deepEqual(result, ["error", 1006, false])
})

test("what a server floods arrives complete, at the pace of the guest", async () => {
  const result = await run(
    `
    const socket = new WebSocket(url)
    await event(socket, "open")
    let count = 0, inOrder = true
    const all = new Promise((resolve) => { socket.onmessage = async ({ data }) => { inOrder &&= Number(data) === count; if (++count === 3000) resolve() } })
    socket.send("flood 3000")
    await all
    socket.close()
    return [count, inOrder]`,
    { limits: { memoryMb: 64 } },
  )
  assert.deepEqual(result, [3_000, true])
})

test("connections end with their run", async () => {
  const result = await run(`
    const socket = new WebSocket(url)
    await event(socket, "open")
    const raw = connect(tcp)
    await raw.opened
    return "left open"`)
  assert.equal(result, "left open")
  const { socket } = clients.at(-1) ?? {}
  if (socket?.readyState !== 3) await once(socket as WebSocket, "close")
  const raw = [...tcpSockets].at(-1)
  if (raw?.destroyed === false) await once(raw, "close")
})

test("connect gives streams both ways, and closes", async () => {
  const done = await execute(`
    const socket = connect({ hostname: "127.0.0.1", port: ${tcpPort} })
    const { remoteAddress } = await socket.opened
    const writer = socket.writable.getWriter(), reader = socket.readable.getReader()
    await writer.write(new TextEncoder().encode("hello\\n"))
    const answers = [await text(reader)]
    await writer.write(new TextEncoder().encode("bye\\n"))
    answers.push(await text(reader), (await reader.read()).done)
    await socket.closed
    return { remoteAddress, answers }`)
  assert.deepEqual(resultOf(done), {
    remoteAddress: `127.0.0.1:${tcpPort}`,
    answers: ["hello\n", "goodbye\n", true],
  })
  assert.equal(done.usage.subRequests, 1)
  assert.equal(done.egress[0]?.decision, "allow")
})

test("allowHalfOpen lets the guest end its side first, and read the rest; BYOB readers work", async () => {
  const result = await run(`
    const socket = connect(tcp, { allowHalfOpen: true })
    await socket.writable.getWriter().close()
    const reader = socket.readable.getReader({ mode: "byob" })
    const { value } = await reader.read(new Uint8Array(100))
    const rest = await reader.read(new Uint8Array(100))
    await socket.closed
    return [new TextDecoder().decode(value), rest.done]`)
  assert.deepEqual(result, ["end of file\n", true])
})

test("close ends a connection from this side, once or twice", async () => {
  const result = await run(`
    const socket = connect(tcp)
    await socket.opened
    await Promise.all([socket.close(), socket.close()])
    await socket.closed
    return attempt(() => socket.writable.getWriter().write(new Uint8Array(1)))`)
  assert.deepEqual(result, ["TypeError", "This socket is closed."])
})

test("a denied or wrong address, and what is not there, say so", async () => {
  const result = await run(`
    const denied = connect("example.com:5432")
    return [
      await attempt(() => denied.opened), await attempt(() => denied.closed), await attempt(() => denied.readable.getReader().read()),
      await attempt(() => connect("no port")), await attempt(() => connect("a:b@c:1")), await attempt(() => connect("a:0")), await attempt(() => connect({ hostname: "x/y", port: 1 })),
      await attempt(() => connect(tcp, { secureTransport: "maybe" })), await attempt(() => connect(tcp, { secureTransport: "starttls" }).startTls()),
      await attempt(() => connect(tcp).writable.getWriter().write("text")) ]`)
  const codes = (result as [string, string][]).map(([name, code]) => `${name} ${code.slice(0, 19)}`)
  assert.deepEqual(codes, [
    ...Array.from({ length: 3 }, () => "TypeError mesh.denied"),
    ...Array.from({ length: 4 }, () => "TypeError Specified address c"),
    "TypeError Unsupported value i",
    "TypeError worker.unsupported",
    "TypeError This WritableStream",
  ])
})

test("an uncaught denial of a socket that nobody looks at fails no run", async () => {
  const done = await execute(
    `connect("example.com:1"); await new Promise((done) => setTimeout(done, 50)); return "fine"`,
  )
  assert.deepEqual([resultOf(done), done.logs], ["fine", []])
})

test("connections count as requests, and end the run at the limit", async () => {
  const done = await execute(`for (let n = 0; n < 10; n++) await attempt(() => connect(tcp).opened)`, {
    limits: { subRequests: 3 },
  })
  assert.equal(done.ok ? "ok" : done.error.code, "worker.subrequest-limit")
})

test("a loader's globalOutbound answers WebSockets, and null forbids them", async () => {
  const loader = new WorkerLoader({ platform })
  const guest = (globalOutbound: unknown) =>
    loader.load({
      compatibilityDate: "2026-01-01",
      mainModule: "index.js",
      modules: {
        "index.js": `export default { async ask() {
          const response = await fetch("https://example.com/", { headers: { upgrade: "websocket", "sec-websocket-protocol": "p" } })
          const socket = response.webSocket; socket.accept()
          const answer = new Promise((resolve) => socket.addEventListener("message", ({ data }) => resolve(data)))
          socket.send("q"); const data = await answer; socket.close(1000)
          return [data, response.headers.get("sec-websocket-protocol")] } }`,
      },
      globalOutbound: globalOutbound as never,
    })
  const outbound = {
    fetch(request: Request): Response {
      const { 0: client, 1: server } = new WebSocketPair()
      server.accept()
      server.addEventListener("message", ({ data }) => server.send(`${request.url} ${String(data)}`))
      const headers = { "sec-websocket-protocol": request.headers.get("sec-websocket-protocol") ?? "" }
      return new WorkerResponse(null, { status: 101, webSocket: client, headers })
    },
  }
  assert.deepEqual(await guest(outbound).getEntrypoint()["ask"]?.(), ["https://example.com/ q", "p"])
  await assert.rejects(async () => guest(null).getEntrypoint()["ask"]?.(), {
    message: /not permitted to reach the network/,
  })
})
