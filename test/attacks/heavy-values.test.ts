import assert from "node:assert/strict"
import { once } from "node:events"
import { connect as connectSocket } from "node:net"
import { after, test } from "node:test"
import { connect, DynamicWorker } from "@mayfly/client"
import { WebSocket } from "ws"
import { startTestServer } from "../contract/test-server.ts"

// Room for 48 MiB of bodies, and of answers.
const server = await startTestServer({ maxHeldBytes: 48 << 20, maxBodyBytes: 16 << 20 })
after(() => server.stop())
const { url, key: admin } = server
const [loud, quiet] = [await keyOf("loud"), await keyOf("quiet")]

interface Answer {
  readonly status: number
  readonly json: {
    readonly ok?: boolean
    readonly key?: string
    readonly result?: unknown
    readonly error?: { readonly code: string }
  }
}

async function post(path: string, key: string, body: string): Promise<Answer> {
  const headers = { authorization: `Bearer ${key}`, "content-type": "application/json" }
  const response = await fetch(url + path, { method: "POST", headers, body })
  return { status: response.status, json: (await response.json()) as Answer["json"] }
}

async function keyOf(tenant: string): Promise<string> {
  const { json } = await post("/v1/keys", admin, JSON.stringify({ name: tenant, scopes: ["run", "workflows"], tenant }))
  assert.ok(json.key)
  return json.key
}

/** Whether another tenant is served now, and what it is told otherwise. */
async function neighbour(): Promise<unknown> {
  const { json } = await post("/v1/run", quiet, JSON.stringify({ script: "() => 1" }))
  return json.result ?? json.error?.code
}

/** Some megabytes of this would hold the server's thread for minutes, and take all of its memory. */
const heavy = `[${"[],".repeat(500_000)}0]`

test("a body of millions of values is refused before it is read as JSON, on every route", async () => {
  for (const [path, body] of [
    ["/v1/run", `{"script":"() => 1","input":${heavy}}`],
    ["/v1/workflows", `{"steps":${heavy}}`],
    ["/mcp", heavy],
  ] as const) {
    const { status, json } = await post(path, loud, body)
    assert.deepEqual([status, json.error?.code], [413, "server.too-large"], path)
  }
  assert.equal(await neighbour(), 1)
})

test("it is refused before it has come, in parts or announced as more than is sent; neighbours are served", async () => {
  for (const [path, start, sized] of [
    ["/v1/run", "[", true],
    ["/v1/run", '{"a":', false],
    ["/v1/workflows", "[1],", true],
    ["/mcp", "[[]", true],
  ] as const) {
    const socket = connectSocket(Number(new URL(url).port), "127.0.0.1")
    socket.on("error", () => {})
    const length = sized ? `content-length: ${15 << 20}` : "transfer-encoding: chunked"
    const lines = [`POST ${path} HTTP/1.1`, "host: 127.0.0.1", `authorization: Bearer ${loud}`, length]
    const sent = start.repeat(Math.ceil((3 << 20) / start.length))
    socket.write([...lines, "content-type: application/json", "", ""].join("\r\n"))
    socket.write(sized ? sent : `${sent.length.toString(16)}\r\n${sent}\r\n`)
    const [answer] = (await once(socket, "data")) as [Buffer]
    assert.match(answer.toString(), /^HTTP\/1\.1 413 .*server\.too-large.*"limit":1000000/s, `${path} ${start}`)
    socket.destroy()
    assert.equal(await neighbour(), 1)
  }
})

test("as many values as are allowed come through, and a text may hold what it likes", async () => {
  const input = { list: Array.from({ length: 600_000 }, () => 1), text: '[{"a":1},'.repeat(200_000) }
  const body = JSON.stringify({ script: "(input) => input.list.length + input.text.length", input })
  const { json } = await post("/v1/run", admin, body)
  assert.equal(json.result, input.list.length + input.text.length)
})

test("a session takes no such value either, in a message or in the text of one", async () => {
  const open = async (): Promise<WebSocket> => {
    const socket = new WebSocket(`${url.replace("http", "ws")}/v1/session`, ["mayfly", `bearer.${loud}`])
    await once(socket, "open")
    return socket
  }
  const plain = await open()
  const ended = once(plain, "close")
  plain.send(`["push",["pipeline",0,["createWorker"],[${heavy}]]]`)
  assert.equal((await ended)[0], 1008)
  const nested = await open()
  const answer = once(nested, "message")
  const message = JSON.stringify({ text: `j{"script":"1","env":{"a":${heavy}}}`, capabilities: [[]] })
  nested.send(`["push",["pipeline",0,["createWorker"],[${message}]]]`)
  assert.match(String((await answer)[0]), /server\.too-large/)
  nested.terminate()
})

test("a program gives no such value: not as its result, and not to a binding", async () => {
  const script = "() => Array.from({ length: 500_000 }, () => [])"
  const limits = { memoryMb: 1_024, cpuMs: 60_000 }
  const { json } = await post("/v1/run", loud, JSON.stringify({ script, limits }))
  assert.deepEqual([json.ok, json.error?.code], [false, "worker.output-limit"])
  assert.equal(await neighbour(), 1)
  await using platform = connect({ url, key: loud })
  const calls = `async (_, env) => { try { await env.f((${script})()) } catch (error) { return error.code } }`
  await using worker = await DynamicWorker.create({ script: calls, env: { f: () => 1 }, limits, platform })
  assert.equal(await worker.run(), "worker.output-limit")
})

test("one tenant's announced bodies, of which nothing comes, leave room for another's", async () => {
  const { hostname, port } = new URL(url)
  const announce = (bytes: number) => {
    const socket = connectSocket(Number(port), hostname)
    socket.on("error", () => {})
    const lines = ["POST /v1/run HTTP/1.1", `host: ${hostname}:${port}`, `authorization: Bearer ${loud}`]
    socket.write([...lines, "content-type: application/json", `content-length: ${bytes}`, "", ""].join("\r\n"))
    return socket
  }
  const sockets = [16, 16, 16].map((mebibytes) => announce(mebibytes << 20))
  const [refused] = (await Promise.race(sockets.map((socket) => once(socket, "data")))) as [Buffer]
  assert.match(refused.toString(), /^HTTP\/1\.1 429 .*worker\.queue-full/s)
  assert.equal(await neighbour(), 1)
  for (const socket of sockets) socket.destroy()
})

test("answers that a tenant does not read are bounded, and its neighbour gets its own", async () => {
  const body = JSON.stringify({ script: "() => 'x'.repeat(12 << 20)" })
  const { hostname, port } = new URL(url)
  const answers = Array.from({ length: 4 }, async () => {
    const socket = connectSocket(Number(port), hostname)
    socket.on("error", () => {})
    const lines = ["POST /v1/run HTTP/1.1", `host: ${hostname}:${port}`, `authorization: Bearer ${loud}`]
    socket.write([...lines, "content-type: application/json", `content-length: ${body.length}`, "", body].join("\r\n"))
    const [head] = (await once(socket, "data")) as [Buffer]
    socket.pause()
    return { socket, status: Number(/^HTTP\/1\.1 (\d+)/.exec(head.toString("latin1"))?.[1]) }
  })
  const all = await Promise.all(answers)
  assert.deepEqual(
    [200, 429].map((wanted) => all.filter(({ status }) => status === wanted).length),
    [1, 3],
  )
  const { json } = await post("/v1/run", quiet, body)
  assert.equal(String(json.result).length, 12 << 20)
  for (const { socket } of all) socket.destroy()
})
