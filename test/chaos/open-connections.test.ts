// Host processes die while guests hold sockets: both ends are told, what was kept stays.
import assert from "node:assert/strict"
import { once } from "node:events"
import { type AddressInfo, createServer, type Socket } from "node:net"
import { after, test } from "node:test"
import { createPlatform, DynamicWorker, type RunWebSocket } from "@mayfly/platform"
import { hostsOf } from "../attacks/processes.ts"

const platform = await createPlatform({ hosts: 1, spare: false })
after(() => platform.dispose())

const timeout = 20_000

function killHosts(): void {
  for (const pid of hostsOf()) process.kill(pid, "SIGKILL")
}

test("a killed host breaks its sockets: the parent hears a coded error, the next run works", { timeout }, async () => {
  const worker = await DynamicWorker.create({
    script: `export default { async fetch(request) {
      await caches.default.put("https://a.b/", new Response("kept"))
      const { 0: client, 1: server } = new WebSocketPair()
      server.accept(); server.send("open")
      return new Response(null, { status: 101, webSocket: client }) },
      async run() { return (await caches.default.match("https://a.b/")).text() } }`,
    platform,
  })
  const { webSocket } = await worker.fetch("https://a.b/", { headers: { upgrade: "websocket" } })
  const socket = webSocket as RunWebSocket
  const opened = once(socket, "message")
  socket.accept()
  await opened
  const error = once(socket, "error") as Promise<[Event & { error: { code: string } }]>
  const closed = once(socket, "close") as Promise<[CloseEvent]>
  killHosts()
  const [[failure], [close]] = await Promise.all([error, closed])
  assert.deepEqual([failure.error.code, close.code], ["worker.host-crashed", 1006])
  assert.equal(await worker.run(), "kept", "the cache is not in the host")
})

test("a killed host's connections are closed", { timeout }, async () => {
  const server = createServer().listen(0, "127.0.0.1")
  await once(server, "listening")
  const { port } = server.address() as AddressInfo
  const connected = once(server, "connection")
  const worker = await DynamicWorker.create({
    script: `import { connect } from "cloudflare:sockets"
      export default async () => { const socket = connect("127.0.0.1:${port}"); await socket.opened; await socket.closed }`,
    network: { allowedOrigins: [`tcp://127.0.0.1:${port}`] },
    platform,
  })
  const run = worker.execute()
  const [connection] = (await connected) as [Socket]
  connection.on("error", () => {})
  const gone = once(connection, "close")
  killHosts()
  await gone
  const ended = await run
  assert.equal(ended.ok ? "ok" : ended.error.code, "worker.host-crashed")
  server.close()
})
