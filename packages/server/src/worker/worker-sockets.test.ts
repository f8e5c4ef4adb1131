import assert from "node:assert/strict"
import { once } from "node:events"
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import type { IncomingMessage } from "node:http"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { after, test } from "node:test"
import { WebSocket } from "ws"
import { ServedWorker } from "./served-worker.ts"
import { listenForWorker, type WorkerListener } from "./worker-listener.ts"
import type { SocketLimits } from "./worker-sockets.ts"

const folder = mkdtempSync(join(tmpdir(), "mayfly-sockets-"))
after(() => rmSync(folder, { recursive: true }))
const path = join(folder, "worker.ts")
writeFileSync(
  path,
  `import { WebSocketPair, WorkerResponse } from "platform"
   import { env } from "cloudflare:workers"
   export default { fetch() {
     const { 0: client, 1: server } = new WebSocketPair()
     env.take(server)
     return new WorkerResponse(null, { status: 101, webSocket: client })
   } }`,
)
const modules = { platform: import.meta.resolve("@mayfly/platform") }

interface Taken extends EventTarget {
  accept(): void
}

async function listen(sockets: SocketLimits, take: (socket: Taken) => void): Promise<WorkerListener & Disposable> {
  const onFailure = (what: string, error: unknown): void => assert.fail(`${what}: ${String(error)}`)
  const worker = new ServedWorker({ path, bindings: () => ({ take }), modules, onFailure })
  await worker.load()
  const listener = await listenForWorker({ port: 0, host: "127.0.0.1", sockets, onFailure })
  listener.serve(worker)
  return { ...listener, [Symbol.dispose]: () => worker[Symbol.dispose]() }
}

async function open(url: string, autoPong = true): Promise<WebSocket> {
  const socket = new WebSocket(url.replace("http", "ws"), { autoPong })
  await once(socket, "open")
  return socket
}

test("WorkerSockets opens no more than maxSockets, and more when some have closed", async () => {
  const closed = Promise.withResolvers<void>()
  using listener = await listen({ maxSockets: 2 }, (socket) => {
    socket.accept()
    socket.addEventListener("close", () => closed.resolve())
  })
  const [first, second] = [await open(listener.url), await open(listener.url)]
  const third = new WebSocket(listener.url.replace("http", "ws"))
  third.on("error", () => {})
  const [, answer] = (await once(third, "unexpected-response")) as [unknown, IncomingMessage]
  assert.equal(answer.statusCode, 429)
  third.terminate()
  first.terminate()
  await closed.promise
  const fourth = await open(listener.url)
  const ends = [once(second, "close"), once(fourth, "close")]
  await listener.stop()
  for (const end of ends) assert.equal(((await end) as [number])[0], 1001)
})

test("WorkerSockets cuts those that hold most when all hold too much", async () => {
  const errors: unknown[] = []
  const servers: Taken[] = []
  using listener = await listen({ maxHeldBytes: 12 << 20 }, (socket) => {
    // They are not accepted: what comes waits.
    servers.push(socket)
    socket.addEventListener("error", (event) => errors.push((event as Event & { error: unknown }).error))
  })
  const [small, large] = [await open(listener.url), await open(listener.url)]
  const gone = once(large, "close") as Promise<[number]>
  small.send(Buffer.alloc(1 << 20))
  // Not whole: the parser holds it.
  large.send(Buffer.alloc(20 << 20), { fin: false })
  assert.equal((await gone)[0], 1006)
  assert.equal(small.readyState, WebSocket.OPEN)
  for (const server of servers) server.accept()
  await once(servers[1] as EventTarget, "close")
  assert.match(String(errors[0]), /WebSockets hold more than 12582912 bytes/)
  assert.equal(errors.length, 1)
  await listener.stop()
})

test("WorkerSockets cuts who answers no ping, and nobody else", async () => {
  const told = Promise.withResolvers<unknown>()
  using listener = await listen({ beatMs: 1_500 }, (socket) => {
    socket.accept()
    socket.addEventListener("error", (event) => told.resolve((event as Event & { error: unknown }).error))
  })
  const [there, gone] = [await open(listener.url), await open(listener.url, false)]
  assert.equal(((await once(gone, "close")) as [number])[0], 1006)
  assert.match(String(await told.promise), /does not answer any more/)
  assert.equal(there.readyState, WebSocket.OPEN)
  await listener.stop()
})
