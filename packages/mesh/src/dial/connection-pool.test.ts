import assert from "node:assert/strict"
import { once } from "node:events"
import { createServer } from "node:http"
import type { Socket } from "node:net"
import { test, type TestContext } from "node:test"
import type { NetworkPolicy } from "@mayfly/protocol"
import { createHttpEgress, type HttpEgress } from "../egress/create-egress.ts"
import { contextOf, get, listening, textOf } from "../egress/egress-harness.ts"
import type { EgressOptions } from "../egress/egress-options.ts"

interface Served {
  readonly port: number
  readonly sockets: Socket[]
}

/** A server that answers with the number of the connection that a request came over. */
async function counting(t: TestContext): Promise<Served> {
  const sockets: Socket[] = []
  const server = createServer((request, response) => response.end(String(sockets.indexOf(request.socket))))
  server.on("connection", (socket) => sockets.push(socket))
  return { port: await listening(t, server), sockets }
}

function egressFor(t: TestContext, options: EgressOptions = {}): HttpEgress {
  const egress = createHttpEgress({ lookup: () => Promise.resolve(["127.0.0.1"]), ...options })
  t.after(() => egress.close())
  return egress
}

interface Asking {
  readonly url: string
  readonly policy?: NetworkPolicy
  readonly tenant?: string
}

async function ask(egress: HttpEgress, { url, policy, tenant = "t" }: Asking): Promise<string> {
  const context = contextOf(policy ?? { allowedOrigins: [new URL(url).origin] }, { tenant })
  return textOf((await egress.fetch({ ...get, url }, context)).body)
}

test("a connection is kept for the same tenant, policy and origin, and for nobody else", async (t) => {
  const { port, sockets } = await counting(t)
  const egress = egressFor(t)
  const url = `http://a.example:${port}`
  assert.deepEqual([await ask(egress, { url }), await ask(egress, { url: `${url}/other?path` })], ["0", "0"])
  // One that needs another decision needs another connection, and finds its own again.
  const policy = { allowedOrigins: [url, "https://more.example"] }
  assert.equal(await ask(egress, { url, policy }), "1")
  assert.equal(await ask(egress, { url, tenant: "u" }), "2")
  assert.equal(await ask(egress, { url: `http://b.example:${port}` }), "3")
  assert.deepEqual([await ask(egress, { url }), await ask(egress, { url, policy })], ["0", "1"])
  assert.equal(sockets.length, 4)
})

test("a name that moves to another address gets another connection", async (t) => {
  const { port } = await counting(t)
  let address = "127.0.0.1"
  const egress = egressFor(t, { lookup: () => Promise.resolve([address]), lookupMaxAgeMs: 0 })
  const url = `http://a.example:${port}`
  assert.deepEqual([await ask(egress, { url }), await ask(egress, { url })], ["0", "0"])
  address = "127.0.0.2"
  await assert.rejects(ask(egress, { url }), { code: "mesh.unreachable" })
  address = "169.254.169.254"
  await assert.rejects(ask(egress, { url }), { code: "mesh.denied" })
})

test("a kept answer of a name server is checked again for each rule", async (t) => {
  const { port } = await counting(t)
  const egress = egressFor(t)
  const origin = `http://db.example.com:${port}`
  const policy = { allowedOrigins: [{ origin, paths: ["/named"] }, `http://*.example.com:${port}`] }
  assert.equal(await ask(egress, { url: `${origin}/named`, policy }), "0")
  // The wildcard rule does not name the host, so its private address stays closed, connection or not.
  await assert.rejects(ask(egress, { url: `${origin}/other`, policy }), { code: "mesh.denied" })
})

test("a connection that the server closed is not used again, and one that breaks under a GET is replaced once", async (t) => {
  const { port, sockets } = await counting(t)
  const egress = egressFor(t)
  const url = `http://a.example:${port}`
  assert.equal(await ask(egress, { url }), "0")
  sockets[0]?.end()
  await once(sockets[0] as Socket, "close")
  assert.equal(await ask(egress, { url }), "1")
  // Closed at the very moment in which it is used: nobody can know.
  sockets[1]?.resetAndDestroy()
  assert.equal(await ask(egress, { url }), "2")
})

test("an answer that is given up takes its connection along", async (t) => {
  const sockets: Socket[] = []
  const server = createServer((_request, response) => response.write("never ends"))
  server.on("connection", (socket) => sockets.push(socket))
  const url = `http://a.example:${await listening(t, server)}`
  const egress = egressFor(t)
  const open = async (): Promise<ReadableStream | null> =>
    (await egress.fetch({ ...get, url }, contextOf({ allowedOrigins: [url] }))).body
  const first = await open()
  await first?.cancel()
  await once(sockets[0] as Socket, "close")
  await (await open())?.cancel()
  assert.equal(sockets.length, 2)
})

test("a redirect is followed at once, also when its own body never ends", async (t) => {
  const server = createServer((request, response) => {
    if (request.url === "/next") return void response.end("there")
    response.writeHead(302, { location: "/next", "content-length": "1000" }).write("a part")
  })
  const url = `http://a.example:${await listening(t, server)}`
  assert.equal(await ask(egressFor(t), { url }), "there")
})

test("a tenant has a bound of requests under way, which others do not feel", async (t) => {
  const server = createServer((_request, response) => response.write("never ends"))
  const url = `http://a.example:${await listening(t, server)}`
  const egress = egressFor(t, { maxConnections: 2 })
  const open = (tenant: string): Promise<ReadableStream | null> => {
    const context = contextOf({ allowedOrigins: [url] }, { tenant })
    return egress.fetch({ ...get, url }, context).then(({ body }) => body)
  }
  const first = await open("t")
  await open("t")
  await assert.rejects(open("t"), { code: "mesh.too-many-connections", retry: true })
  await open("u")
  await first?.cancel()
  await open("t")
})

test("closing the way out fails what is under way", async (t) => {
  const server = createServer((_request, response) => response.write("never ends"))
  const url = `http://a.example:${await listening(t, server)}`
  const egress = egressFor(t)
  const context = contextOf({ allowedOrigins: [url] })
  const { body } = await egress.fetch({ ...get, url }, context)
  const reading = assert.rejects(textOf(body), { code: "mesh.unreachable" })
  await egress.close()
  await reading
  assert.equal(context.rows[0]?.reason, "unreachable")
})
