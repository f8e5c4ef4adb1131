import assert from "node:assert/strict"
import { once } from "node:events"
import type { AddressInfo } from "node:net"
import { test } from "node:test"
import { WebSocket, WebSocketServer } from "ws"
import { GuardedTransport } from "./guarded-transport.ts"
import { HeldBytes } from "./held-bytes.ts"

test("GuardedTransport cuts a client that reads nothing of what waits for it", async () => {
  const server = new WebSocketServer({ port: 0, host: "127.0.0.1" })
  await once(server, "listening")
  const client = new WebSocket(`ws://127.0.0.1:${(server.address() as AddressInfo).port}`)
  const [socket] = (await once(server, "connection")) as [WebSocket]
  await once(client, "open")
  client.pause()
  using held = new HeldBytes()
  const stats = () => ({ imports: 0, exports: 0 })
  const transport = new GuardedTransport(socket, { held, stats, maxWaitingBytes: 1_000, stallMs: 50 })
  const end = assert.rejects(transport.receive(), /gone away/)
  transport.send(["push", "x".repeat(16 << 20)])
  assert.ok(held.bytes > 16 << 20)
  await end
  assert.equal(held.bytes, 0)
  client.terminate()
  server.close()
})
