import assert from "node:assert/strict"
import { once } from "node:events"
import type { AddressInfo } from "node:net"
import { after, test } from "node:test"
import { createPlatform } from "@mayfly/platform"
import { WebSocket, WebSocketServer } from "ws"
import { serveSession } from "./serve-session.ts"

const platform = await createPlatform({ hosts: 1, spare: false })
after(() => platform.dispose())
const parts = {
  platform,
  tenantOf: () => "default",
  takeSlot: () => ({ [Symbol.dispose]: () => {} }),
  signal: new AbortController().signal,
}
const server = new WebSocketServer({ port: 0, host: "127.0.0.1" })
after(() => server.close())
server.on("connection", (socket, { socket: connection }) => serveSession(parts, 4 << 20).open(socket, connection))
await once(server, "listening")

async function open(): Promise<WebSocket> {
  const socket = new WebSocket(`ws://127.0.0.1:${(server.address() as AddressInfo).port}`)
  await once(socket, "open")
  after(() => socket.terminate())
  return socket
}

const message = (value: object): string => JSON.stringify({ text: `j${JSON.stringify(value)}`, capabilities: [[]] })

/** The next message, in the order in which they came. */
function reader(socket: WebSocket): () => Promise<string> {
  const come: string[] = []
  const wanted: ((text: string) => void)[] = []
  socket.on("message", (data: Buffer) => {
    const want = wanted.shift()
    if (want === undefined) come.push(data.toString())
    else want(data.toString())
  })
  return () => {
    const text = come.shift()
    return text === undefined ? new Promise((resolve) => wanted.push(resolve)) : Promise.resolve(text)
  }
}

async function worker(socket: WebSocket, read: () => Promise<string>, script: string): Promise<string> {
  socket.send(`["push",["pipeline",0,["createWorker"],[${message({ script })}]]]`)
  const id = /\["export",(-\d+)\]/.exec(await read())?.[1]
  assert.ok(id)
  return id
}

test("serveSession holds results up to a bound, also for a client that asks for none and lets go of none", async () => {
  const socket = await open()
  const read = reader(socket)
  const id = await worker(socket, read, "() => 'x'.repeat(1 << 20)")
  const answers: string[] = []
  for (let call = 2; call < 18; call += 2) {
    socket.send(`["push",["pipeline",${id},["execute"],[${message({})}]]]`)
    socket.send(`["push",["pipeline",${call},["ended"],[]]]`)
    // A second time there is none.
    answers.push(await read())
  }
  const kept = answers.filter((text) => text.length > 1 << 20).length
  assert.ok(kept === 3 && answers[kept]?.includes("worker.queue-full"), `${kept} ${answers[kept]}`)
  for (let call = 3; call < 19; call += 2) socket.send(`["release",${call},1]`)
  socket.send(`["push",["pipeline",${id},["execute"],[${message({})}]]]`)
  socket.send('["push",["pipeline",18,["ended"],[]]]')
  assert.ok((await read()).length > 1 << 20)
  socket.send('["push",["pipeline",18,["ended"],[]]]')
  assert.match(await read(), /^\["reject",20,/)
})

test("serveSession ends a session that sends into a stream which nobody reads", async () => {
  const socket = await open()
  const ended = once(socket, "close")
  socket.send('["pipe"]')
  const chunk = "A".repeat(1 << 20)
  for (let at = 0; at < 6; at++) socket.send(`["stream",["pipeline",1,["write"],[["bytes","${chunk}"]]]]`)
  assert.equal((await ended)[0], 1008)
})

test("serveSession counts programs until they are let go of", async () => {
  const socket = await open()
  const read = reader(socket)
  const program = message({ script: `1 // ${"x".repeat(3 << 20)}` })
  const create = `["push",["pipeline",0,["createWorker"],[${program}]]]`
  socket.send(create)
  const id = /\["export",(-\d+)\]/.exec(await read())?.[1]
  socket.send(create)
  assert.match(await read(), /worker\.queue-full/)
  socket.send(`["release",${id},1]`)
  socket.send('["release",1,1]')
  socket.send(create)
  assert.match(await read(), /\["export",/)
})
