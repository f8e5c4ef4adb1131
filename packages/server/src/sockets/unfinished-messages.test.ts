import assert from "node:assert/strict"
import { once } from "node:events"
import { createServer } from "node:http"
import { type AddressInfo, connect, type Socket } from "node:net"
import { test } from "node:test"
import { Hono } from "hono"
import { WebSocket } from "ws"
import type { ServerApp } from "../create-server.ts"
import { ApiSockets } from "./api-sockets.ts"
import { upgradeOf } from "./socket-upgrade.ts"

test("ApiSockets ends clients whose messages never end, before they take all memory together", async () => {
  const sockets = new ApiSockets({ maxUnfinishedBytes: 3 << 20 })
  const app = new Hono() as unknown as ServerApp
  const opened: WebSocket[] = []
  app.get("/", (c) => upgradeOf(c).accept({ maxMessageBytes: 128 << 20, open: (socket) => void opened.push(socket) }))
  const server = createServer()
  server.on("upgrade", (request, socket, head) => {
    void sockets.handle(Promise.resolve(app), request, socket as Socket, head)
  })
  server.listen(0, "127.0.0.1")
  await once(server, "listening")
  const { port } = server.address() as AddressInfo
  const patient = new WebSocket(`ws://127.0.0.1:${port}/`)
  await once(patient, "open")
  const raw = connect(port, "127.0.0.1")
  raw.on("error", () => {})
  raw.write(
    `GET / HTTP/1.1\r\nhost: 127.0.0.1:${port}\r\nupgrade: websocket\r\nconnection: upgrade\r\nsec-websocket-version: 13\r\nsec-websocket-key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n`,
  )
  await once(raw, "data")
  const ended = new Promise<void>((resolve) => raw.once("close", () => resolve()))
  // A masked text of 100 MiB begins, and stays where it is after four.
  raw.write(Buffer.from([0x81, 0xff, 0, 0, 0, 0, 0x06, 0x40, 0, 0, 0, 0, 0, 0]))
  raw.write(Buffer.alloc(4 << 20))
  await ended
  const [other] = opened
  const heard = once(other as WebSocket, "message")
  patient.send("hello")
  assert.equal(String((await heard)[0]), "hello")
  patient.terminate()
  server.close()
})
