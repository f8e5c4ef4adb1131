import assert from "node:assert/strict"
import { once } from "node:events"
import type { Socket } from "node:net"
import { text } from "node:stream/consumers"
import { test, type TestContext } from "node:test"
import { connect, type ConnectionOptions, type TLSSocket } from "node:tls"
import { PolicyHandle, type TlsMode } from "@mayfly/mesh"
import type { NetworkPolicy } from "@mayfly/protocol"
import { type LoopbackProxy, proxyOnLoopback } from "./proxy-on-loopback.ts"
import { echo, serveHttps, serveSocket, worldAuthority } from "./upstream.ts"

/** TLS through a tunnel to `target`, and what came of a request in it. */
async function through(
  net: LoopbackProxy,
  { target, host, request, ...options }: { target: string; host?: string; request?: string } & ConnectionOptions,
): Promise<string> {
  const socket = await net.open()
  socket.write(`CONNECT ${target} HTTP/1.1\r\nHost: ${target}\r\n\r\n`)
  const [head] = (await once(socket, "data")) as [Buffer]
  if (!head.toString().startsWith("HTTP/1.1 200")) return head.toString()
  return asked(socket, {
    host: host ?? target,
    ...(request === undefined ? {} : { request }),
    ca: [worldAuthority.certificate, net.proxy.certificate],
    ...options,
  })
}

async function asked(
  socket: Socket,
  { host, request, ...options }: { host: string; request?: string } & ConnectionOptions,
): Promise<string> {
  const secure: TLSSocket = connect({ socket, ...options })
  secure.write(request ?? `GET / HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`)
  return text(secure).catch((error: Error & { code?: string }) => `${error.code} ${error.message}`)
}

interface Setting {
  readonly net: LoopbackProxy
  readonly port: number
  readonly target: string
}

async function setting(t: TestContext, policyFor: (origin: string) => NetworkPolicy, tls?: TlsMode): Promise<Setting> {
  const port = await serveHttps(t, echo)
  const target = `good.example:${port}`
  const policy = policyFor(`https://${target}`)
  const egress = { ca: worldAuthority.certificate }
  return { net: await proxyOnLoopback(t, { policy, egress, ...(tls === undefined ? {} : { tls }) }), port, target }
}

const opaque = (origin: string): NetworkPolicy => ({ allowedOrigins: [origin] })
const looked = (origin: string): NetworkPolicy => ({ allowedOrigins: [{ origin, paths: ["/"] }] })

for (const [kind, policyFor] of [
  ["opaque", opaque],
  ["terminated", looked],
] as const) {
  test(`domain fronting: a server name that is not the host of the connection is refused, ${kind}`, async (t) => {
    const { net, target } = await setting(t, policyFor)
    for (const servername of ["evil.example", "good.example.evil.example", "xgood.example", "www.good.example"]) {
      assert.match(await through(net, { target, servername }), /unrecognized name/i, servername)
    }
    assert.match(await through(net, { target }), /unrecognized name/i, "no server name at all")
    assert.match(await through(net, { target, servername: "GOOD.example" }), /^HTTP\/1\.1 200/)
    await new Promise((resolve) => setImmediate(resolve))
    assert.deepEqual(new Set(net.rows.slice(0, 5).map(({ reason }) => reason)), new Set(["server-name"]))
  })

  test(`what is no TLS is not carried to an https origin, ${kind}`, async (t) => {
    const raw: string[] = []
    const port = await serveSocket(t, (socket) => void socket.on("data", (data) => raw.push(data.toString())))
    const net = await proxyOnLoopback(t, { policy: policyFor(`https://good.example:${port}`) })
    for (const bytes of [
      "SSH-2.0-x\r\n",
      "\x00\x00\x00\x00",
      "GET / HTTP/1.1\r\nHost: good.example\r\nConnection: close\r\n\r\n",
      "\x16\x03\x01\x00\x02\x02\x00",
    ]) {
      const said = await net.say(`CONNECT good.example:${port} HTTP/1.1\r\nHost: x\r\n\r\n${bytes}`)
      assert.doesNotMatch(said, /HTTP\/1\.1 200 OK/)
    }
    assert.deepEqual(raw, [])
  })
}

test("in TLS that ends here, a Host header of another host is misdirected, also on a connection that is kept", async (t) => {
  const { net, target } = await setting(t, looked)
  const good = `GET / HTTP/1.1\r\nHost: ${target}\r\n\r\n`
  const evil = `GET / HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n`
  const said = await through(net, { target, servername: "good.example", request: good + evil })
  assert.deepEqual(said.match(/HTTP\/1\.1 \d+/g), ["HTTP/1.1 200", "HTTP/1.1 421"])
  assert.match(said, /the Host header names another host than this connection/)
})

test("CONNECT relays: a tunnel within a tunnel is refused, in clear text and in TLS", async (t) => {
  const { net, target, port } = await setting(t, (origin) => ({
    allowedOrigins: [{ origin, paths: ["/"] }, origin.replace("https", "http")],
  }))
  const relay = `CONNECT evil.example:443 HTTP/1.1\r\nHost: evil.example\r\n\r\n`
  assert.match(
    await through(net, { target, servername: "good.example", request: relay }),
    /^HTTP\/1\.1 403[^]*method cannot be sent/,
  )
  const plain = await net.say(`CONNECT good.example:${port} HTTP/1.1\r\nHost: x\r\n\r\n${relay}`)
  assert.match(plain, /^HTTP\/1\.1 200 [^]*HTTP\/1\.1 403/)
  assert.deepEqual([...net.lookups], [])
  for (const request of [
    `GET https://evil.example/ HTTP/1.1\r\nHost: ${target}\r\nConnection: close\r\n\r\n`,
    `GET @evil.example/ HTTP/1.1\r\nHost: ${target}\r\n\r\n`,
  ]) {
    assert.match(await through(net, { target, servername: "good.example", request }), /^HTTP\/1\.1 400/)
  }
})

test("the last protocols are not offered: no HTTP/2, no TLS below 1.2", async (t) => {
  const { net, target } = await setting(t, looked)
  assert.match(
    await through(net, { target, servername: "good.example", ALPNProtocols: ["h2"] }),
    /no application protocol/i,
  )
  const old = await through(net, {
    target,
    servername: "good.example",
    minVersion: "TLSv1",
    maxVersion: "TLSv1.1",
    ciphers: "DEFAULT@SECLEVEL=0",
  })
  assert.doesNotMatch(old, /^HTTP/)
  assert.match(
    await through(net, { target, servername: "good.example", ALPNProtocols: ["h2", "http/1.1"] }),
    /^HTTP\/1\.1 200/,
  )
})

test("without termination a rule that looks at requests carries nothing", async (t) => {
  const { net, target } = await setting(t, looked, "never")
  const said = await through(net, { target, servername: "good.example" })
  assert.match(said, /^HTTP\/1\.1 403[^]*a tunnel hides them/)
})

test("the certificates of a sandbox's authority are for the host of the connection only, and a real server's are checked", async (t) => {
  const { net, target } = await setting(t, looked)
  const wrong = await through(net, { target, servername: "good.example", ca: worldAuthority.certificate })
  assert.match(wrong, /SIGNATURE|SELF_SIGNED|UNABLE/)
  const port = await serveHttps(t, echo)
  // Nobody told this way out to trust the world of these tests.
  const untrusting = await proxyOnLoopback(t, { policy: looked(`https://good.example:${port}`) })
  const said = await through(untrusting, { target: `good.example:${port}`, servername: "good.example" })
  assert.match(said, /^HTTP\/1\.1 502[^]*mesh\.unreachable/)
})

test("DNS rebinding: a wildcard's name that leads to this machine is refused, a changing one is checked each time", async (t) => {
  const port = await serveSocket(t, () => assert.fail("a private address was reached"))
  const answers = [
    ["127.0.0.1"],
    ["93.184.216.34", "127.0.0.1"],
    ["::1"],
    ["169.254.169.254"],
    ["::ffff:127.0.0.1"],
    ["10.0.0.1"],
  ]
  for (const addresses of answers) {
    const policy = {
      allowedOrigins: [
        `https://*.good.example:${port}`,
        `tcp://*.good.example:${port + 1}`,
        `http://*.good.example:${port}`,
      ],
    }
    const net = await proxyOnLoopback(t, {
      policy,
      egress: { lookup: () => Promise.resolve(addresses), lookupMaxAgeMs: 0 },
    })
    assert.equal(await net.tunnel(`a.good.example:${port + 1}`), 403, String(addresses))
    const said = await net.say(
      `GET http://a.good.example:${port}/ HTTP/1.1\r\nHost: a.good.example:${port}\r\nConnection: close\r\n\r\n`,
    )
    assert.match(said, /^HTTP\/1\.1 403[^]*not on the public network/)
  }
})

test("our own port is reached by no rule", async (t) => {
  const port = await serveSocket(t, () => assert.fail("our own port was reached"))
  const policy = { allowedOrigins: [`tcp://localhost:${port}`, `http://127.0.0.1:${port}`] }
  const net = await proxyOnLoopback(t, { policy, egress: { ownPorts: () => [port] } })
  assert.equal(await net.tunnel(`localhost:${port}`), 403)
  assert.equal(await net.socks("localhost", port), 2)
  assert.match(
    await net.say(`GET http://127.0.0.1:${port}/ HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nConnection: close\r\n\r\n`),
    /^HTTP\/1\.1 403/,
  )
})

test("an upgrade to WebSocket is decided like a request; others are requests whose wish is not granted", async (t) => {
  const net = await proxyOnLoopback(t, { policy: { allowedOrigins: ["http://good.example"] } })
  const handshake = (host: string): string =>
    `GET http://${host}/ HTTP/1.1\r\nHost: ${host}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n`
  assert.match(await net.say(handshake("evil.example")), /^HTTP\/1\.1 403[^]*GET http:\/\/evil\.example\/ was denied/)
  assert.match(
    await net.say(handshake("good.example").replace("Host: good.example", "Host: evil.example")),
    /^HTTP\/1\.1 421/,
  )
  assert.match(await net.say(handshake("good.example")), /^HTTP\/1\.1 502/, "nothing listens there")
})

test("an end of the sandbox ends what is open, and rows say how much there was", async (t) => {
  const port = await serveSocket(t, (socket) => void socket.write("hello"))
  const net = await proxyOnLoopback(t, { policy: { allowedOrigins: [`tcp://good.example:${port}`] } })
  const socket = await net.open()
  socket.write(`CONNECT good.example:${port} HTTP/1.1\r\nHost: x\r\n\r\n`)
  let said = ""
  for await (const chunk of socket as AsyncIterable<Buffer>) {
    said += chunk.toString()
    if (said.endsWith("hello")) await net.proxy.close()
  }
  assert.deepEqual(
    net.rows.map(({ reason, bytesIn }) => [reason, bytesIn]),
    [["aborted", 5]],
  )
  assert.equal(net.proxy.connections, 0)
})

test("a ledger that cannot record lets nothing through", async (t) => {
  const port = await serveSocket(t, () => assert.fail("an unrecorded connection was made"))
  const ledger = { begin: () => Promise.reject(new Error("disk full")), end: () => {} }
  const net = await proxyOnLoopback(t, {
    policy: { allowedOrigins: [`tcp://good.example:${port}`, `http://good.example:${port + 1}`] },
    egress: { ledger },
  })
  assert.equal(await net.tunnel(`good.example:${port}`), 503)
  assert.equal(await net.socks("good.example", port), 1)
  assert.match(
    await net.say(
      `GET http://good.example:${port + 1}/ HTTP/1.1\r\nHost: good.example:${port + 1}\r\nConnection: close\r\n\r\n`,
    ),
    /^HTTP\/1\.1 503/,
  )
})

test("ask: a tunnel waits for an answer, and unattended means no", async (t) => {
  const port = await serveHttps(t, echo)
  const asked: string[] = []
  const approvals = {
    ask: ({ method, origin, sandboxId }: { method: string; origin: string; sandboxId?: string }) => {
      asked.push(`${sandboxId} ${method} ${origin}`)
      return Promise.resolve(origin.startsWith("https://localhost") ? ("allow" as const) : ("deny" as const))
    },
  }
  const net = await proxyOnLoopback(t, { policy: { defaultPolicy: "ask" }, egress: { approvals } })
  const told = await through(net, { target: `localhost:${port}`, servername: "localhost" })
  assert.match(told, /^HTTP\/1\.1 200/)
  assert.doesNotMatch(await through(net, { target: `evil.example:${port}`, servername: "evil.example" }), /HTTP/)
  assert.deepEqual(asked, [`sbx_1 CONNECT https://localhost:${port}`, `sbx_1 CONNECT https://evil.example:${port}`])
})

test("a handle that narrows the policy counts for the next connection", async (t) => {
  const port = await serveSocket(t, (socket) => void socket.end("hello"))
  const policy = new PolicyHandle({ allowedOrigins: [`tcp://good.example:${port}`] })
  const net = await proxyOnLoopback(t, { policy })
  assert.equal(await net.tunnel(`good.example:${port}`), 200)
  await policy.replace({})
  assert.equal(await net.tunnel(`good.example:${port}`), 403)
})
