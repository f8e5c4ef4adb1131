import assert from "node:assert/strict"
import { once } from "node:events"
import { createServer, type IncomingMessage } from "node:http"
import { type AddressInfo, connect, type Socket } from "node:net"
import { after, test } from "node:test"
import { MayflyError } from "@mayfly/protocol"
import { Hono } from "hono"
import { WebSocket } from "ws"
import { answerError } from "../answer-error.ts"
import type { ServerApp } from "../create-server.ts"
import { ApiSockets, type ApiSocketOptions } from "./api-sockets.ts"
import { upgradeOf } from "./socket-upgrade.ts"

/** An app with a route that agrees, one that refuses, one that fails, and one whose decision waits. */
function serve(options: ApiSocketOptions = {}) {
  const opened: WebSocket[] = []
  const arrived = Promise.withResolvers<void>()
  const decide = Promise.withResolvers<void>()
  const lost = Promise.withResolvers<void>()
  const app = new Hono() as unknown as ServerApp
  const handler = { open: (socket: WebSocket) => void opened.push(socket), lost: () => lost.resolve() }
  app.get("/agree", (c) => upgradeOf(c).accept(handler))
  app.get("/late", async (c) => {
    arrived.resolve()
    await decide.promise
    return upgradeOf(c).accept(handler)
  })
  app.get("/fail", () => {
    throw new MayflyError("sandbox.not-found", "there is none")
  })
  app.onError((error, c) => answerError(c, error as MayflyError))
  const sockets = new ApiSockets(options)
  const server = createServer((_request, response) => response.end("plain"))
  server.on(
    "upgrade",
    (message, socket, head) => void sockets.handle(Promise.resolve(app), message, socket as Socket, head),
  )
  server.listen(0, "127.0.0.1")
  after(() => {
    sockets.destroyAll()
    server.close()
    server.closeAllConnections()
  })
  const port = async (): Promise<number> => {
    if (!server.listening) await once(server, "listening")
    return (server.address() as AddressInfo).port
  }
  const open = async (path: string, more = {}): Promise<WebSocket> =>
    new WebSocket(`ws://127.0.0.1:${await port()}${path}`, more)
  return { sockets, opened, arrived, decide, lost, port, open }
}

const handshake = (path: string): string =>
  `GET ${path} HTTP/1.1\r\nhost: localhost\r\nconnection: Upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\nsec-websocket-key: ${Buffer.alloc(16).toString("base64")}\r\n\r\n` // oxfmt-ignore

test("ApiSockets opens what the app agrees to, and answers the rest as any request", async () => {
  const { open, port, opened } = serve()
  const agreed = await open("/agree")
  await once(agreed, "open")
  assert.equal(opened.length, 1)
  for (const [path, status] of [
    ["/fail", 404],
    ["/none", 404],
  ] as const) {
    // oxfmt-ignore
    const refused = await open(path)
    refused.on("error", () => {})
    const [, response] = (await once(refused, "unexpected-response")) as [unknown, { statusCode: number }]
    assert.equal(response.statusCode, status, path)
  }
  const wrong = connect(await port(), "127.0.0.1")
  wrong.write(handshake("/agree").replace("version: 13", "version: 7"))
  assert.match(String((await once(wrong, "data"))[0]), /^HTTP\/1\.1 400 /)
})

test("ApiSockets cuts whoever speaks before the answer, and tells the route of whoever went", async () => {
  const { port, arrived, decide, lost, opened } = serve()
  const early = connect(await port(), "127.0.0.1")
  early.write(handshake("/late"))
  await arrived.promise
  early.write("more")
  await once(early, "close")
  decide.resolve()
  await lost.promise
  assert.equal(opened.length, 0)
})

test("ApiSockets cuts clients that answer no ping, and keeps those that do", async () => {
  const { open } = serve({ beatMs: 40 })
  const [dead, alive] = [await open("/agree", { autoPong: false }), await open("/agree")]
  let pings = 0
  alive.on("ping", () => pings++)
  const [code] = (await once(dead, "close")) as [number]
  assert.equal(code, 1006)
  while (pings < 4) await once(alive, "ping")
  assert.equal(alive.readyState, WebSocket.OPEN)
})

test("ApiSockets cuts clients that take nothing of what waits for them", async () => {
  const { open, opened } = serve({ beatMs: 40 })
  const stalled = await open("/agree")
  await once(stalled, "open")
  stalled.pause()
  const [server] = opened
  assert.ok(server)
  server.send(Buffer.alloc(32 << 20))
  assert.equal(((await once(server, "close")) as [number])[0], 1006)
})

test("ApiSockets bounds how many there are, and says goodbye", async () => {
  const { open, sockets } = serve({ maxSockets: 1 })
  const one = await open("/agree")
  await once(one, "open")
  const more = await open("/agree")
  more.on("error", () => {})
  const [, { statusCode, headers }] = (await once(more, "unexpected-response")) as [unknown, IncomingMessage]
  assert.deepEqual([statusCode, headers["retry-after"]], [429, "1"])
  sockets.closeAll(1001, "the server stops")
  assert.deepEqual(await once(one, "close"), [1001, Buffer.from("the server stops")])
  const next = await open("/agree")
  await once(next, "open")
})

test("a client that pings and reads nothing does not fill our memory", async () => {
  const { open, opened } = serve()
  const client = await open("/agree")
  await once(client, "open")
  client.pause()
  const payload = Buffer.alloc(125)
  for (let count = 0; count < 40_000; count++) client.ping(payload)
  client.send("last")
  await once(opened[0] as WebSocket, "message")
  assert.ok((opened[0]?.bufferedAmount ?? 0) < 1 << 20, String(opened[0]?.bufferedAmount))
})
