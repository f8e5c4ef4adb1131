import assert from "node:assert/strict"
import { connect } from "node:net"
import { test } from "node:test"
import { attacked } from "./sandbox-attack.ts"

/** What a server in a sandbox may answer to hurt whoever passes it on. */
const answers: Readonly<Record<string, [answer: string, passedOn: RegExp]>> = {
  "a status text with control characters": [
    "HTTP/1.1 200 a\\x01b\\r\\ncontent-length: 2\\r\\n\\r\\nok",
    /^HTTP\/1\.1 (200|502)/,
  ],
  "a status that is none": ["HTTP/1.1 999 x\\r\\ncontent-length: 2\\r\\n\\r\\nok", /^HTTP\/1\.1 (999|502)/],
  "no HTTP at all": ["garbage\\r\\n\\r\\n", /^HTTP\/1\.1 502/],
  "a protocol that nobody asked for": [
    "HTTP/1.1 101 Switching Protocols\\r\\nupgrade: x\\r\\nconnection: upgrade\\r\\n\\r\\n",
    /^HTTP\/1\.1 502/,
  ],
  "two lengths": ["HTTP/1.1 200 OK\\r\\ncontent-length: 2\\r\\ncontent-length: 9\\r\\n\\r\\nok", /^HTTP\/1\.1 502/],
  "a head without end": [
    `HTTP/1.1 200 OK\\r\\n" + ("x-y: " + "z".repeat(1000) + "\\r\\n").repeat(200) + "`,
    /^HTTP\/1\.1 502/,
  ],
  "a body that breaks off": ["HTTP/1.1 200 OK\\r\\ncontent-length: 100\\r\\n\\r\\nok", /^HTTP\/1\.1 200/],
  "a cookie for everything called localhost": [
    "HTTP/1.1 200 OK\\r\\nset-cookie: a=b; Domain=localhost; Path=/\\r\\ncontent-length: 2\\r\\n\\r\\nok",
    /set-cookie: a=b; Path=\/\r\n/i,
  ],
}

test("no answer of a server in a sandbox hurts whoever shows it", async () => {
  await using sandbox = await attacked()
  const list = Object.values(answers).map(([answer]) => `"${answer}"`)
  const program = `const answers = [${list.join(",")}]
    require("net").createServer((c) => { c.on("error", () => {}); c.once("data", (d) => c.end(answers[Number(/^GET \\/(\\d+)/.exec(d)?.[1])])) }).listen(5000)`
  const server = await sandbox.spawn(["node", "-e", program])
  await server.waitForPort(5000, { timeoutMs: 20_000 })
  const { host, port } = new URL((await sandbox.expose(5000)).url)
  const get = (path: string): Promise<string> =>
    new Promise((resolve, reject) => {
      let text = ""
      const socket = connect(Number(port), "127.0.0.1")
      socket
        .on("data", (bytes) => (text += bytes.toString("latin1")))
        .on("error", reject)
        .on("close", () => resolve(text))
      socket.write(`GET ${path} HTTP/1.1\r\nhost: ${host}\r\nconnection: close\r\n\r\n`)
    })
  for (const [index, [name, [, passedOn]]] of Object.entries(answers).entries())
    assert.match(await get(`/${index}`), passedOn, name)
  await server.kill()
})

/** What it may answer to whoever asks for a WebSocket. */
const switches: Readonly<Record<string, [answer: string, passedOn: RegExp, never: RegExp]>> = {
  "an answer in place of a WebSocket": [
    'HTTP/1.1 200 OK\\r\\nset-cookie: a=b; Domain = localhost\\r\\nclear-site-data: \\"*\\"\\r\\ncontent-length: 2\\r\\n\\r\\nok',
    /^HTTP\/1\.1 200 OK[^]*set-cookie: a=b\r\n/i,
    /domain|clear-site-data/i,
  ],
  "a WebSocket with a cookie for everything": [
    "HTTP/1.1 101 Switching Protocols\\r\\nupgrade: websocket\\r\\nconnection: upgrade\\r\\nset-cookie: a=b;domain=localhost;path=/\\r\\n\\r\\nhi",
    /^HTTP\/1\.1 101 [^]*set-cookie: a=b;path=\/\r\n[^]*\r\n\r\nhi$/i,
    /domain/i,
  ],
  "another protocol than was asked for": [
    "HTTP/1.1 101 x\\r\\nupgrade: other\\r\\nconnection: upgrade\\r\\n\\r\\n",
    /^HTTP\/1\.1 101 [^]*upgrade: websocket\r\n/i,
    /other/,
  ],
  "no HTTP at all": ["garbage\\r\\n\\r\\n", /^HTTP\/1\.1 502/, /garbage/],
  nothing: ["", /^HTTP\/1\.1 502/, /101/],
}

test("no answer to an upgrade reaches past the preview", async () => {
  await using sandbox = await attacked()
  const list = Object.values(switches).map(([answer]) => `"${answer}"`)
  const program = `const answers = [${list.join(",")}]
    require("net").createServer((c) => { c.on("error", () => {}); c.once("data", (d) => c.end(answers[Number(/^GET \\/(\\d+)/.exec(d)?.[1])])) }).listen(5000)`
  const server = await sandbox.spawn(["node", "-e", program])
  await server.waitForPort(5000, { timeoutMs: 20_000 })
  const { host, port } = new URL((await sandbox.expose(5000)).url)
  for (const [index, [name, [, passedOn, never]]] of Object.entries(switches).entries()) {
    const text = await new Promise<string>((resolve, reject) => {
      let all = ""
      const socket = connect(Number(port), "127.0.0.1")
      socket
        .on("data", (bytes) => (all += bytes.toString("latin1")))
        .on("error", reject)
        .on("close", () => resolve(all))
      socket.write(`GET /${index} HTTP/1.1\r\nhost: ${host}\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n`)
    })
    assert.match(text, passedOn, name)
    assert.doesNotMatch(text, never, name)
  }
  await server.kill()
})
