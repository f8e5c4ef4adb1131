import assert from "node:assert/strict"
import { once } from "node:events"
import { createServer, type Socket } from "node:net"
import { test } from "node:test"
import { connect } from "node:tls"
import { seed, seededRandom } from "../policy/seeded-random.ts"
import { maxHelloBytes, readOpening } from "./client-hello.ts"

/** The first bytes that Node's own TLS sends. */
async function helloOf(servername: string | undefined): Promise<Buffer> {
  const server = createServer()
  server.listen(0, "127.0.0.1")
  await once(server, "listening")
  const address = server.address()
  const port = typeof address === "object" && address !== null ? address.port : 0
  const client = connect({ port, host: "127.0.0.1", ...(servername === undefined ? {} : { servername }) })
  client.on("error", () => {})
  const [socket] = (await once(server, "connection")) as [Socket]
  const [bytes] = (await once(socket, "data")) as [Buffer]
  client.destroy()
  socket.destroy()
  server.close()
  return bytes
}

/** A hello with these extensions, and nothing that a server could use. */
function madeHello(extensions: Buffer): Buffer {
  const length = Buffer.alloc(2)
  length.writeUInt16BE(extensions.length)
  const body = Buffer.concat([Buffer.alloc(34), Buffer.from([0, 0, 2, 0x13, 1, 1, 0]), length, extensions])
  const message = Buffer.concat([Buffer.from([1, 0, body.length >> 8, body.length & 255]), body])
  return record(message)
}

function record(fragment: Uint8Array): Buffer {
  return Buffer.concat([Buffer.from([22, 3, 1, fragment.length >> 8, fragment.length & 255]), fragment])
}

function serverNames(...names: readonly string[]): Buffer {
  const list = Buffer.concat(
    names.map((name) => Buffer.concat([Buffer.from([0, 0, name.length]), Buffer.from(name, "latin1")])),
  )
  return Buffer.concat([Buffer.from([0, 0, 0, list.length + 2, 0, list.length]), list])
}

test("readOpening finds the server name, also in pieces and in several records", async () => {
  const hello = await helloOf("API.example.com")
  const expected = { kind: "tls", serverName: "api.example.com" }
  assert.deepEqual(readOpening(hello), expected)
  for (let cut = 0; cut < hello.length; cut++)
    assert.deepEqual(readOpening(hello.subarray(0, cut)), { kind: "more" }, String(cut))
  const message = hello.subarray(5)
  for (const at of [1, 3, 40, message.length - 1]) {
    assert.deepEqual(
      readOpening(Buffer.concat([record(message.subarray(0, at)), record(message.subarray(at))])),
      expected,
    )
  }
  assert.deepEqual(readOpening(await helloOf(undefined)), { kind: "tls", serverName: null })
})

test("readOpening refuses what another reader could read otherwise", () => {
  const good = serverNames("good.example")
  assert.deepEqual(readOpening(madeHello(good)), { kind: "tls", serverName: "good.example" })
  const bad: Readonly<Record<string, Buffer>> = {
    "the extension twice": Buffer.concat([good, serverNames("evil.example")]),
    "two names": serverNames("good.example", "evil.example"),
    "no name in the list": Buffer.from([0, 0, 0, 2, 0, 0]),
    "an empty name": serverNames(""),
    "a null byte": serverNames("good.example\0.evil.example"),
    "white space": serverNames("good.example "),
    "bytes that are no ASCII": serverNames("göod.example"),
    "another kind of name": Buffer.from([0, 0, 0, 6, 0, 4, 1, 0, 1, 97]),
    "a list longer than its extension": Buffer.from([0, 0, 0, 6, 0, 9, 0, 0, 1, 97]),
    "an extension longer than all": Buffer.from([0, 0, 0, 200, 0, 4, 0, 0, 1, 97]),
    "half an extension": Buffer.from([0, 0, 0]),
  }
  for (const [name, extensions] of Object.entries(bad)) {
    assert.deepEqual(readOpening(madeHello(extensions)), { kind: "broken-tls" }, name)
  }
  const hello = madeHello(good)
  for (const [name, bytes] of Object.entries({
    "SSL 2": Buffer.concat([Buffer.from([22, 2]), hello.subarray(2)]),
    "an empty record": Buffer.from([22, 3, 1, 0, 0]),
    "a record of 64 KiB": Buffer.from([22, 3, 1, 255, 255]),
    "another message": record(Buffer.from([2, 0, 0, 1, 0])),
    "an alert between": Buffer.concat([record(hello.subarray(5, 20)), Buffer.from([21, 3, 3, 0, 2, 2, 112])]),
    "a hello of 16 MiB": record(Buffer.from([1, 255, 255, 255, 0])),
  })) {
    assert.deepEqual(readOpening(bytes), { kind: "broken-tls" }, name)
  }
  assert.deepEqual(readOpening(Buffer.from("GET / HTTP/1.1")), { kind: "other" })
})

test("readOpening neither throws nor waits for ever, whatever it is given", async () => {
  const random = seededRandom(seed)
  const hello = await helloOf("api.example.com")
  for (let round = 0; round < 20_000; round++) {
    const bytes = Buffer.from(hello)
    const changes = 1 + Math.floor(random() * 8)
    for (let change = 0; change < changes; change++)
      bytes[Math.floor(random() * bytes.length)] = Math.floor(random() * 256)
    const { kind } = readOpening(bytes)
    assert.ok(["more", "tls", "broken-tls", "other"].includes(kind))
  }
  const endless = Buffer.concat(Array.from({ length: maxHelloBytes / 8 }, () => record(Buffer.from([1, 0, 120, 0]))))
  assert.notEqual(readOpening(endless).kind, "more")
})
