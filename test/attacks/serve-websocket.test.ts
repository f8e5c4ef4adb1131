// WebSockets of a served worker as a way to fill its process, to hold it up or to end it. Normal requests must go on.
import assert from "node:assert/strict"
import { once } from "node:events"
import { connect, type Socket } from "node:net"
import { after, test } from "node:test"
import { serveWorker } from "../e2e/serve-project.ts"
import { WebSocketClient } from "../e2e/web-socket-client.ts"
import { eventually, residentMb } from "./processes.ts"

const served = await serveWorker(`
  const flood = (socket: any) => {
    const bytes = new Uint8Array(1 << 20)
    for (let n = 0; n < 100; n++) socket.send(bytes)
  }
  export default {
    async fetch(request: Request) {
      const { pathname } = new URL(request.url)
      if (pathname === "/ok") return new Response("ok")
      if (pathname === "/never") return new Promise(() => {})
      const { 0: client, 1: server } = new WebSocketPair()
      if (pathname !== "/deaf") server.accept()
      if (pathname === "/flood") server.addEventListener("message", () => flood(server))
      if (pathname === "/echo") server.addEventListener("message", ({ data }) => server.send(data))
      server.addEventListener("error", ({ error }) => console.log("error at", pathname, error.code, error.message))
      server.addEventListener("close", ({ code }) => console.log("closed", pathname, code))
      return new Response(null, { status: 101, webSocket: client })
    },
  }`)
after(() => served.stop())
const port = Number(new URL(served.url).port)
const pid = served.child.pid ?? 0

const answers = async (): Promise<void> => assert.equal(await (await fetch(`${served.url}/ok`)).text(), "ok")
const open = (path: string): Promise<WebSocketClient> => WebSocketClient.open(served.url + path)

const key = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="
const version = "Sec-WebSocket-Version: 13"

/** A handshake as it is written on the wire. */
function handshake(path: string, lines: readonly string[] = [key, version]): string {
  const head = [`GET ${path} HTTP/1.1`, "Host: localhost", "Connection: Upgrade", "Upgrade: websocket", ...lines]
  return `${head.join("\r\n")}\r\n\r\n`
}

/** What comes back on a connection until it is closed. */
async function written(text: string): Promise<string> {
  const socket = connect(port, "127.0.0.1")
  socket.on("error", () => {})
  socket.write(text, "latin1")
  let answer = ""
  socket.on("data", (chunk) => (answer += String(chunk)))
  await once(socket, "close")
  return answer
}

/** A connection on which the handshake is done. */
async function rawSocket(path: string): Promise<Socket> {
  const socket = connect(port, "127.0.0.1")
  socket.on("error", () => {})
  socket.write(handshake(path))
  const [answer] = (await once(socket, "data")) as [Buffer]
  assert.match(answer.toString(), /^HTTP\/1\.1 101 /)
  return socket
}

test("a client that floods a worker which does not read has to wait", async () => {
  const client = await open("/deaf")
  const message = Buffer.alloc(1 << 20)
  for (let n = 0; n < 200; n++) client.socket.send(message)
  await answers()
  await eventually(() => client.socket.bufferedAmount < 200 << 20, "the kernel took something")
  await answers()
  assert.ok(client.socket.bufferedAmount > 150 << 20, `${client.socket.bufferedAmount} bytes wait at the client`)
  client.socket.terminate()
  await answers()
})

test("a flood of small and empty messages is read at the worker's pace", async () => {
  const client = await open("/echo")
  client.socket.on("message", () => {})
  for (let n = 0; n < 50_000; n++) client.socket.send("")
  client.socket.send("last")
  await answers()
  for (let n = 0; n < 50_000; n++) assert.equal(await client.next(), "")
  assert.equal(await client.next(), "last")
  client.socket.terminate()
})

test("a worker that floods a client which does not read ends that socket at 64 MiB", async () => {
  const client = await open("/flood")
  client.socket.send("go")
  client.socket.pause()
  await served.output(/error at \/flood worker\.websocket-limit/)
  await answers()
  client.socket.resume()
  assert.deepEqual(await client.closed, [1009, "worker.websocket-limit"])
})

test("a message of more than 32 MiB, and frames that are none, end their socket", async () => {
  const client = await open("/echo")
  client.socket.send(Buffer.alloc((32 << 20) + 1))
  const [code] = await client.closed
  // The server may have closed before it read everything.
  assert.ok([1006, 1009].includes(code), String(code))
  await served.output(/error at \/echo WS_ERR_UNSUPPORTED_MESSAGE_LENGTH Max payload size exceeded/)
  for (const frame of [
    [0xff, 0xff, 0xff],
    [0x81, 0x01, 0x41],
    [0x81, 0x82, 0, 0, 0, 0, 0xff, 0xfe],
    [0x88, 0x81, 0, 0, 0, 0, 1],
  ]) {
    const socket = await rawSocket("/echo")
    socket.write(Buffer.from(frame))
    const [answer] = (await once(socket, "data")) as [Buffer]
    assert.equal(answer[0], 0x88, "a close frame")
    socket.destroy()
  }
  await answers()
})

test("wrong handshakes are refused with a code, and never reach the worker", async () => {
  const wrong = [
    handshake("/echo", [key]),
    handshake("/echo", [version]),
    handshake("/echo", [key, "Sec-WebSocket-Version: 8"]),
    handshake("/echo", [key, version, key]),
    handshake("/echo", ["Sec-WebSocket-Key: short", version]),
    handshake("/echo", [key, version, "Sec-WebSocket-Protocol: a, a"]),
    handshake("/echo", [key, version, "Sec-WebSocket-Protocol: a b"]),
    handshake("/echo", [
      key,
      version,
      `Sec-WebSocket-Protocol: ${Array.from({ length: 101 }, (_, n) => `p${n}`).join()}`,
    ]),
    handshake("http://evil.example/echo"),
  ]
  for (const text of wrong) assert.match(await written(text), /^HTTP\/1\.1 400 [^]*"code":"input\.invalid"/, text)
  assert.match(
    await written(handshake("/echo").replace("localhost", "evil.example")),
    /^HTTP\/1\.1 403 [^]*"auth\.host"/,
  )
  const foreign = handshake("/echo", [key, version, "Origin: https://evil.example"])
  assert.match(await written(foreign), /^HTTP\/1\.1 403 [^]*"auth\.host"/)
  // A body, another method or no Connection header: a request like any other, to which the worker must not upgrade.
  for (const text of [
    handshake("/echo", [key, version, "Content-Length: 1"]) + "x",
    handshake("/echo").replace("GET", "OPTIONS"),
    handshake("/echo").replace("Connection: Upgrade", "Connection: close"),
  ]) {
    const closing = text.replace("Connection: Upgrade", "Connection: Upgrade, close")
    assert.match(await written(closing), /^HTTP\/1\.1 500 [^]*"server\.worker-failed"/, text)
  }
  await answers()
})

test("whoever does not wait for the answer is cut off", async () => {
  assert.equal(await written(`${handshake("/never")}\x81\x80\0\0\0\0`), "")
  const socket = connect(port, "127.0.0.1")
  socket.on("error", () => {})
  socket.write(handshake("/never"))
  await answers()
  socket.write("too early")
  await once(socket, "close")
  const pipelined = `GET /never HTTP/1.1\r\nHost: localhost\r\n\r\n${handshake("/echo")}`
  assert.equal(await written(pipelined), "")
  await answers()
})

test("half-open connections and endless pings leave nothing behind", async () => {
  const half = await rawSocket("/echo")
  // The head of a message that never comes, then no more.
  half.end(Buffer.from([0x82, 0xfe, 0xff, 0xff, 1, 2, 3, 4, 5]))
  await served.output(/closed \/echo 1006/)
  const silent = await rawSocket("/echo")
  silent.pause()
  const pings = Buffer.concat(Array.from({ length: 10_000 }, () => Buffer.from([0x89, 0x80, 0, 0, 0, 0])))
  for (let n = 0; n < 50; n++) silent.write(pings)
  await answers()
  silent.destroy()
  await answers()
})

test("many sockets at once, each broken off, are all let go of", async () => {
  for (let round = 0; round < 5; round++) {
    const clients = await Promise.all(Array.from({ length: 100 }, () => open("/echo")))
    for (const { socket } of clients) socket.send("x".repeat(1_000))
    for (const client of clients) assert.equal(await client.next(), "x".repeat(1_000))
    for (const { socket } of clients) socket.terminate()
    await answers()
  }
})

test("the process is the same, and has not grown beyond what its bounds allow", () => {
  assert.equal(served.child.exitCode, null)
  assert.ok(residentMb(pid) < 900, `${residentMb(pid)} MiB`)
})
