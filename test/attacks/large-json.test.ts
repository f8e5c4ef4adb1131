import assert from "node:assert/strict"
import { once } from "node:events"
import { connect as connectSocket } from "node:net"
import { after, test } from "node:test"
import { connect, DynamicWorker } from "@mayfly/client"
import { WebSocket } from "ws"
import { startTestServer } from "../contract/test-server.ts"

// At the default settings. 96 MiB of JSON that is all structure would hold everybody up for ten seconds, and take 3 GB.

const server = await startTestServer()
after(() => server.stop())
const { url, key } = server
const platform = connect({ url, key })
after(() => platform.dispose())
const neighbour = await DynamicWorker.create({ script: "(input) => input + 1", platform, tenant: "neighbour" })

const tooLarge = { code: "server.too-large", limit: 500_000 }

/** What a request is answered that announces 90 MiB, and sends 2 MiB of them, and then nothing. */
async function answerTo(path: string, start: string): Promise<object> {
  const socket = connectSocket(Number(new URL(url).port), "127.0.0.1")
  after(() => socket.destroy())
  socket.write(
    `POST ${path} HTTP/1.1\r\nhost: 127.0.0.1\r\nauthorization: Bearer ${key}\r\n` +
      `content-type: application/json\r\ncontent-length: ${90 << 20}\r\n\r\n`,
  )
  socket.write(start.repeat(Math.ceil((2 << 20) / start.length)))
  const [answer] = (await once(socket, "data")) as [Buffer]
  const { error } = JSON.parse(answer.toString().split("\r\n\r\n")[1] ?? "") as {
    error: { code: string; details: { limit: number } }
  }
  return { code: error.code, limit: error.details.limit }
}

test("a body of millions of values is refused before it has come, and never parsed; neighbours are served", async () => {
  for (const [path, start] of [
    ["/v1/run", "["],
    ["/v1/run", "{},"],
    ["/v1/run", '{"a":'],
    ["/v1/workflows", "1,"],
    ["/mcp", "[[]"],
  ] as const) {
    assert.deepEqual(await answerTo(path, start), tooLarge, `${path} ${start}`)
    assert.equal(await neighbour.run(1), 2)
  }
})

test("as many values as are allowed come through, and a text may hold what it likes", async () => {
  const sum = { script: "(input) => input.list.length + input.text.length" }
  const list = Array.from({ length: 400_000 }, () => 1)
  const text = '[{"a":1},'.repeat(200_000)
  const body = JSON.stringify({ ...sum, input: { list, text } })
  const headers = { authorization: `Bearer ${key}`, "content-type": "application/json" }
  const answer = await fetch(`${url}/v1/run`, { method: "POST", headers, body })
  const { result } = (await answer.json()) as { result: unknown }
  assert.equal(result, list.length + text.length)
})

test("a session's message of millions of values ends it, and one inside of a text is refused", async () => {
  const socket = new WebSocket(`${url.replace("http", "ws")}/v1/session`, ["mayfly", `bearer.${key}`])
  await once(socket, "open")
  const ended = once(socket, "close")
  socket.send("[".repeat(2 << 20))
  assert.equal((await ended)[0], 1008)
  assert.equal(await neighbour.run(1), 2)
  const env = { count: (list: readonly unknown[]) => list.length }
  await using worker = await DynamicWorker.create({ script: "(input) => env.count(input)", platform, env })
  assert.equal(await worker.run([1, [2]]), 2)
  await assert.rejects(
    worker.run(Array.from({ length: 600_000 }, () => 1)),
    ({ code, details }: { code: string; details: object }) => {
      assert.deepEqual({ code, ...details }, tooLarge)
      return true
    },
  )
  assert.equal(await worker.run([1]), 1)
})
