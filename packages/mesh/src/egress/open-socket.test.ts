import assert from "node:assert/strict"
import { once } from "node:events"
import { createServer as createTlsServer } from "node:tls"
import type { Socket } from "node:net"
import { test, type TestContext } from "node:test"
import type { EgressContext, EgressSocket, NetworkPolicy } from "@mayfly/protocol"
import { createHttpEgress } from "./create-egress.ts"
import { contextOf, listening, serveSocket, type TestContextOf, textOf } from "./egress-harness.ts"
import { certificateFor } from "./test-certificate.ts"

interface Open {
  readonly policy?: NetworkPolicy
  readonly context?: Partial<EgressContext>
  readonly host?: string
  readonly tls?: boolean
  readonly ca?: string
}

async function open(
  t: TestContext,
  port: number,
  { host = "127.0.0.1", tls = false, policy, context: given = {}, ca }: Open = {},
): Promise<EgressSocket & { readonly context: TestContextOf }> {
  const egress = createHttpEgress({
    lookup: () => Promise.resolve(["127.0.0.1"]),
    ...(ca === undefined ? {} : { ca }),
  })
  t.after(() => egress.close())
  const origin = `${tls ? "tls" : "tcp"}://${host}:${port}`
  const context = contextOf(policy ?? { allowedOrigins: [origin] }, given)
  const { readable, writable } = await egress.openSocket({ host, port, tls }, context)
  return { readable, writable, context }
}

test("openSocket carries bytes both ways, half-closes, and ends its row when both sides are done", async (t) => {
  const port = await serveSocket(t, (socket) => {
    socket.on("data", (data) => socket.write(data))
    socket.on("end", () => socket.end("bye"))
  })
  const { readable, writable, context } = await open(t, port)
  const writer = writable.getWriter()
  await writer.write(Buffer.from("hello "))
  await writer.close()
  assert.equal(await textOf(readable), "hello bye")
  const [row] = context.rows
  assert.deepEqual(
    [context.rows.length, row?.method, row?.origin, row?.path, row?.address, row?.bytesIn, row?.bytesOut, row?.reason],
    [1, "CONNECT", `tcp://127.0.0.1:${port}`, "", "127.0.0.1", 9, 6, null],
  )
})

test("openSocket needs a rule for the very port, and no other kind of rule will do", async (t) => {
  const port = await serveSocket(t, () => assert.fail("a denied connection was made"))
  for (const policy of [
    {},
    { defaultPolicy: "allow" as const },
    { defaultPolicy: "ask" as const },
    { allowedOrigins: ["*"], allowAll: true },
    { allowedOrigins: [`http://127.0.0.1:${port}`, `tls://127.0.0.1:${port}`, `tcp://127.0.0.1:${port + 1}`] },
    { allowedOrigins: [`tcp://127.0.0.1:${port}`], deniedOrigins: [`tcp://127.0.0.1:${port}`] },
  ]) {
    await assert.rejects(open(t, port, { policy }), { code: "mesh.denied" }, JSON.stringify(policy))
  }
})

test("openSocket with TLS wants a certificate for the host that the rule names", async (t) => {
  const { key, cert } = certificateFor("db.example.com")
  const server = createTlsServer({ key, cert }, (socket) => {
    socket.on("error", () => {})
    socket.end(`hello ${socket.alpnProtocol}`)
  })
  const port = await listening(t, server)
  const good = await open(t, port, { host: "db.example.com", tls: true, ca: cert })
  assert.equal(await textOf(good.readable), "hello false")
  for (const options of [
    { host: "db.example.com" },
    { host: "other.example.com", ca: cert },
    { host: "127.0.0.1", ca: cert },
  ]) {
    await assert.rejects(
      open(t, port, { tls: true, ...options }),
      { code: "mesh.unreachable" },
      JSON.stringify(options),
    )
  }
})

test("a raw connection has back-pressure in both directions", async (t) => {
  let written = 0
  const port = await serveSocket(t, (socket) => {
    socket.pause()
    const chunk = Buffer.alloc(256 << 10)
    const fill = (): void => {
      while (written < 400) {
        written++
        if (!socket.write(chunk)) return void socket.once("drain", fill)
      }
    }
    fill()
  })
  const { readable, writable } = await open(t, port)
  const reader = readable.getReader()
  await reader.read()
  const writer = writable.getWriter()
  let isFull = false
  let sent = 0
  while (!isFull && sent++ < 400) {
    const writing = writer.write(new Uint8Array(256 << 10)).then(
      () => false,
      () => false,
    )
    const turns = new Promise<boolean>((resolve) => setImmediate(() => setImmediate(() => setImmediate(resolve, true))))
    isFull = await Promise.race([writing, turns])
  }
  assert.ok(isFull, "a peer that does not read stops the writer")
  assert.ok(written < 400, "a reader that does not read stops the peer")
  await reader.cancel()
})

test("limits of the rule end a raw connection with a code", async (t) => {
  const port = await serveSocket(t, (socket) => void socket.write(Buffer.alloc(100)))
  const origin = `tcp://127.0.0.1:${port}`
  const receiving = await open(t, port, { policy: { allowedOrigins: [{ origin, maxResponseBytes: 99 }] } })
  await assert.rejects(textOf(receiving.readable), { code: "mesh.response-too-large" })
  assert.equal(receiving.context.rows[0]?.reason, "response-too-large")
  const sending = await open(t, port, { policy: { allowedOrigins: [{ origin, maxRequestBytes: 9 }] } })
  await assert.rejects(sending.writable.getWriter().write(new Uint8Array(10)), { code: "mesh.request-too-large" })
  assert.equal(sending.context.rows[0]?.reason, "request-too-large")
  const counted = { allowedOrigins: [{ origin, maxRequests: 1 }] }
  const egress = createHttpEgress()
  t.after(() => egress.close())
  const target = { host: "127.0.0.1", port, tls: false }
  await egress.openSocket(target, contextOf(counted))
  await assert.rejects(egress.openSocket(target, contextOf(counted)), { code: "mesh.denied" })
})

test("the signal and a peer that resets end a raw connection, and its reader knows why", async (t) => {
  const abort = new AbortController()
  const peers: Socket[] = []
  const port = await serveSocket(t, (socket) => void peers.push(socket.resume()))
  const aborted = await open(t, port, { context: { signal: abort.signal } })
  const reading = aborted.readable.getReader().read()
  abort.abort("over")
  await assert.rejects(reading, (error) => error === "over")
  assert.equal(aborted.context.rows[0]?.reason, "aborted")

  const reset = await open(t, port)
  while (peers.length < 2) await new Promise((resolve) => setImmediate(resolve))
  peers[1]?.resetAndDestroy()
  await assert.rejects(reset.readable.getReader().read(), { code: "mesh.unreachable" })
  assert.equal(reset.context.rows[0]?.reason, "unreachable")

  const closed = await open(t, port)
  while (peers.length < 3) await new Promise((resolve) => setImmediate(resolve))
  await closed.readable.cancel()
  await once(peers[2] as Socket, "end")
})
