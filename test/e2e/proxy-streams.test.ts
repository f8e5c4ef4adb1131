import assert from "node:assert/strict"
import { createHash, randomBytes } from "node:crypto"
import { once } from "node:events"
import type { Socket } from "node:net"
import { test } from "node:test"
import { type LoopbackProxy, proxyOnLoopback } from "../attacks/proxy-on-loopback.ts"
import { echo, serveHttp, serveSocket } from "../attacks/upstream.ts"

/** A tunnel that stands, with nothing read of what follows the answer to CONNECT. */
async function tunnel(net: LoopbackProxy, target: string): Promise<Socket> {
  const socket = await net.open()
  socket.allowHalfOpen = true
  socket.write(`CONNECT ${target} HTTP/1.1\r\nHost: x\r\n\r\n`)
  for (let seen = ""; !seen.endsWith("\r\n\r\n");) {
    await once(socket, "readable")
    for (let byte = socket.read(1) as Buffer | null; byte !== null; byte = socket.read(1) as Buffer | null) {
      seen += byte.toString()
      if (seen.endsWith("\r\n\r\n")) break
    }
  }
  return socket
}

test("a tunnel carries every byte as it came, both ways at once, to readers that stop and start", async (t) => {
  const data = randomBytes(12 << 20)
  const hash = createHash("sha256").update(data).digest("hex")
  const arrived = Promise.withResolvers<string>()
  const port = await serveSocket(t, (socket) => {
    const received = createHash("sha256")
    socket.on("data", (chunk) => {
      received.update(chunk)
      socket.pause()
      setImmediate(() => socket.resume())
    })
    socket.on("end", () => arrived.resolve(received.digest("hex")))
    // The server speaks first, and in pieces of many sizes.
    for (let at = 0, size = 1; at < data.length; at += size, size = Math.min(size * 2, 1 << 20))
      socket.write(data.subarray(at, at + size))
    socket.end()
  })
  const net = await proxyOnLoopback(t, { policy: { allowedOrigins: [`tcp://good.example:${port}`] } })
  const socket = await tunnel(net, `good.example:${port}`)
  socket.end(data)
  const received = createHash("sha256")
  for await (const chunk of socket as AsyncIterable<Buffer>) {
    received.update(chunk)
    await new Promise((resolve) => setImmediate(resolve))
  }
  assert.deepEqual([received.digest("hex"), await arrived.promise], [hash, hash])
  while (net.rows.length === 0) await new Promise((resolve) => setImmediate(resolve))
  assert.deepEqual(
    net.rows.map(({ bytesIn, bytesOut, reason }) => [bytesIn, bytesOut, reason]),
    [[data.length, data.length, null]],
  )
})

test("whoever does not read holds up whoever writes, in both directions", async (t) => {
  const chunk = Buffer.alloc(1 << 20)
  let written = 0
  const peers: Socket[] = []
  const port = await serveSocket(t, (socket) => {
    peers.push(socket)
    const fill = (): void => {
      while (written < 200 && socket.writable) {
        written++
        if (!socket.write(chunk)) return void socket.once("drain", fill)
      }
    }
    fill()
  })
  const net = await proxyOnLoopback(t, { policy: { allowedOrigins: [`tcp://good.example:${port}`] } })
  const socket = await tunnel(net, `good.example:${port}`)
  socket.pause()
  let sent = 0
  const fill = (): void => {
    while (sent < 200 && socket.writable) {
      sent++
      if (!socket.write(chunk)) return void socket.once("drain", fill)
    }
  }
  fill()
  // Until nothing moves any more: what the kernel and we keep is then all that was written.
  for (let still = 0, last = 0; still < 200; still++) {
    await new Promise((resolve) => setImmediate(resolve))
    if (written + sent !== last) still = 0
    last = written + sent
  }
  assert.ok(written < 200, `the server could write ${written} MiB`)
  assert.ok(sent < 200, `the client could write ${sent} MiB`)
  socket.destroy()
})

test("limits and brokered secrets count in raw connections", async (t) => {
  const port = await serveSocket(t, (socket) => {
    socket.on("data", (data) => socket.write(data))
    socket.write("x".repeat(100))
  })
  const web = await serveHttp(t, echo)
  const leaking = await serveSocket(t, (socket) => {
    socket.write("the key is s3cret-")
    setImmediate(() => socket.end("value, really"))
  })
  const allowedOrigins = [
    { origin: `tcp://small.example:${port}`, maxResponseBytes: 99 },
    { origin: `tcp://quiet.example:${port}`, maxRequestBytes: 9 },
    { origin: `http://localhost:${web}`, headers: { authorization: { secret: "KEY" } } },
    `tcp://leaking.example:${leaking}`,
  ]
  const secrets = { resolve: () => Promise.resolve("s3cret-value") }
  const net = await proxyOnLoopback(t, { policy: { allowedOrigins }, egress: { secrets } })
  const small = await tunnel(net, `small.example:${port}`)
  small.resume()
  await once(small, "end")
  small.destroy()
  const quiet = await tunnel(net, `quiet.example:${port}`)
  quiet.resume()
  quiet.write("0123456789")
  await once(quiet, "end")
  quiet.destroy()
  assert.deepEqual(
    net.rows.map(({ reason }) => reason),
    ["response-too-large", "request-too-large"],
  )
  await net.say(`GET http://localhost:${web}/ HTTP/1.1\r\nHost: localhost:${web}\r\nConnection: close\r\n\r\n`)
  const leaky = await tunnel(net, `leaking.example:${leaking}`)
  let said = ""
  leaky.end()
  for await (const chunk of leaky as AsyncIterable<Buffer>) said += chunk.toString()
  assert.equal(said, `the key is ${"*".repeat(12)}, really`)
})

test("a connection that is silent is closed, and its row says so", async (t) => {
  const port = await serveSocket(t, () => {})
  const net = await proxyOnLoopback(t, {
    policy: { allowedOrigins: [`tcp://good.example:${port}`] },
    limits: { idleMs: 200 },
  })
  const socket = await tunnel(net, `good.example:${port}`)
  socket.resume()
  await once(socket, "end")
  socket.destroy()
  assert.deepEqual(
    net.rows.map(({ reason }) => reason),
    ["idle"],
  )
})

test("a client that goes away ends its request upstream", async (t) => {
  const gone = Promise.withResolvers<void>()
  const port = await serveHttp(t, (_request, response) => {
    response.on("close", () => gone.resolve())
    response.write("first")
  })
  const net = await proxyOnLoopback(t, { policy: { allowedOrigins: [`http://good.example:${port}`] } })
  await net.say(`GET http://good.example:${port}/ HTTP/1.1\r\nHost: good.example:${port}\r\n\r\n`, /first/)
  await gone.promise
  while (net.rows.length === 0) await new Promise((resolve) => setImmediate(resolve))
  assert.match(net.rows[0]?.reason ?? "", /aborted|cancelled/)
})

test("an answer that breaks off is not passed on as whole", async (t) => {
  const port = await serveSocket(t, (socket) => {
    socket.once("data", () => socket.end("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf"))
  })
  const net = await proxyOnLoopback(t, { policy: { allowedOrigins: [`http://good.example:${port}`] } })
  const said = await net.say(
    `GET http://good.example:${port}/ HTTP/1.1\r\nHost: good.example:${port}\r\nConnection: close\r\n\r\n`,
  )
  assert.match(said, /^HTTP\/1\.1 200 OK\r\n[^]*content-length: 100[^]*half$/i)
})

test("a body is asked for only when it is wanted", async (t) => {
  const port = await serveHttp(t, echo)
  const net = await proxyOnLoopback(t, { policy: { allowedOrigins: [`http://good.example:${port}`] } })
  const head = (host: string): string =>
    `PUT http://${host}/ HTTP/1.1\r\nHost: ${host}\r\nContent-Length: 5\r\nExpect: 100-continue\r\nConnection: close\r\n\r\n`
  assert.match(await net.say(head("evil.example")), /^HTTP\/1\.1 403/)
  assert.match(await net.say(head(`good.example:${port}`), /100 Continue\r\n\r\n/), /^HTTP\/1\.1 100 Continue/)
})
