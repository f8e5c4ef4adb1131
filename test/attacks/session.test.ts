import assert from "node:assert/strict"
import { once } from "node:events"
import { after, test } from "node:test"
import { connect, DynamicWorker } from "@mayfly/client"
import { RemoteValues } from "@mayfly/protocol/remote"
import { newWebSocketRpcSession } from "capnweb"
import { WebSocket } from "ws"
import { startTestServer } from "../contract/test-server.ts"

const server = await startTestServer()
after(() => server.stop())
const { url, key } = server
const platform = connect({ url, key })
after(() => platform.dispose())
const neighbour = await DynamicWorker.create({ script: "(input) => input + 1", platform })

async function open(bearer = key): Promise<WebSocket> {
  const socket = new WebSocket(`${url.replace("http", "ws")}/v1/session`, ["mayfly", `bearer.${bearer}`])
  // Rejects when it is refused.
  await once(socket, "open")
  socket.on("error", () => {})
  return socket
}

/** How the server ends a session that says this, and whether a neighbour is served meanwhile. */
async function endOf(say: (socket: WebSocket) => void): Promise<{ code: number; neighbour: unknown }> {
  const socket = await open()
  const ended = once(socket, "close")
  say(socket)
  const result = await neighbour.run(1)
  const [code] = (await ended) as [number]
  return { code, neighbour: result }
}

const refused = { code: 1008, neighbour: 2 }

test("a client's own program for arrays is not run: nested, a few bytes of it would hold the server for ever", async () => {
  const thirty = JSON.stringify([Array.from({ length: 30 }, () => 1)])
  const nested = (depth: number): string =>
    depth === 0 ? "0" : `["remap",-1,[],[["import",-1]],[${nested(depth - 1)}]]`
  const end = await endOf((socket) => {
    socket.send(`["push",${thirty}]`)
    socket.send(`["push",["remap",1,[],[["import",1]],[${nested(3)}]]]`)
    socket.send('["pull",2]')
  })
  assert.deepEqual(end, refused)
})

test("values that name earlier values are not taken: each level would multiply the one before", async () => {
  const call = (values: string): string => `["push",["pipeline",0,["createWorker"],[${values}]]]`
  for (const message of [
    call('["pipeline",1]'),
    call('{"a":[[["pipeline",0,["createWorker"],[]]]]}'),
    call('["import",0,["createWorker"],[[]]]'),
    '["push",["pipeline",0,["a"]]]',
    '["push",["pipeline",0]]',
    '["push",[["x"]]]',
    '["resolve",1,["remap",0,[],[],[0]]]',
    '["release",1,0]',
    '["abort",["remap",0,[],[],[0]]]',
  ])
    assert.deepEqual(await endOf((socket) => socket.send(message)), refused, message)
})

test("what a client never lets go of is bounded in number", async () => {
  const end = await endOf((socket) => {
    for (let at = 0; at < 10_001; at++) socket.send('["pipe"]')
  })
  assert.deepEqual(end, refused)
})

test("workers that are asked for at once are counted before they are there", async () => {
  const socket = await open()
  const given = JSON.stringify({ text: 'j{"script":"1"}', capabilities: [[]] })
  for (let at = 0; at < 1_010; at++) socket.send(`["push",["pipeline",0,["createWorker"],[${given}]]]`)
  const answers: string[] = []
  for await (const [data] of messagesOf(socket)) {
    answers.push(String(data))
    if (answers.length === 1_010) break
  }
  assert.equal(answers.filter((text) => text.includes("worker.queue-full")).length, 10)
  socket.close()
})

test("references that lie about what they are fail a call, and not the server", async () => {
  const unhandled: unknown[] = []
  const onUnhandled = (error: unknown): void => void unhandled.push(error)
  process.on("unhandledRejection", onUnhandled)
  after(() => process.off("unhandledRejection", onUnhandled))
  const socket = await open()
  const main = newWebSocketRpcSession(socket as unknown as globalThis.WebSocket) as unknown as {
    createWorker(message: unknown): Promise<{ worker: { execute(message: unknown): { ended(): Promise<object> } } }>
  }
  const { text } = new RemoteValues().encode({ input: new AbortController().signal })
  const asked = Promise.withResolvers<void>()
  const liar = {
    aborted: false,
    whenAborted: async () => {
      asked.resolve()
      return "no message"
    },
  }
  const { worker } = await main.createWorker({ text: 'j{"script":"1"}', capabilities: [] })
  const answer = await worker.execute({ text, capabilities: [liar] }).ended()
  assert.ok(answer)
  await asked.promise
  for (const wrong of [null, 7, "x", {}, [], { methods: { a: 1 } }, { whenAborted: 1 }, { methods: null }])
    assert.ok("error" in (await worker.execute({ text, capabilities: [wrong] }).ended()), JSON.stringify(wrong))
  assert.equal(await neighbour.run(1), 2)
  assert.deepEqual(unhandled, [])
  socket.close()
})

test("one tenant's WebSockets leave places for the others", async () => {
  const body = JSON.stringify({ name: "flood", scopes: ["run"], tenant: "flood" })
  const headers = { authorization: `Bearer ${key}`, "content-type": "application/json" }
  const made = (await (await fetch(`${url}/v1/keys`, { method: "POST", headers, body })).json()) as { key: string }
  const sockets: WebSocket[] = []
  for (let batch = 0; batch < 5; batch++)
    sockets.push(...(await Promise.all(Array.from({ length: 100 }, () => open(made.key)))))
  await assert.rejects(open(made.key), /429/)
  const other = await open()
  other.close()
  for (const socket of sockets) socket.terminate()
  // Places come back.
  const again = async (): Promise<WebSocket> => open(made.key).catch(again)
  ;(await again()).close()
})

async function* messagesOf(socket: WebSocket): AsyncGenerator<unknown[], void, void> {
  const queue: unknown[][] = []
  let wake = Promise.withResolvers<void>()
  socket.on("message", (...args) => {
    queue.push(args)
    wake.resolve()
  })
  for (;;) {
    await wake.promise
    wake = Promise.withResolvers<void>()
    for (const one of queue.splice(0)) yield one
  }
}
