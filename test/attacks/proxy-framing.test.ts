import assert from "node:assert/strict"
import { once } from "node:events"
import { test, type TestContext } from "node:test"
import { proxyOnLoopback, type LoopbackProxy } from "./proxy-on-loopback.ts"
import { serveHttp } from "./upstream.ts"

interface Reached {
  readonly net: LoopbackProxy
  readonly origin: string
  /** "GET /path body" of each request that arrived. */
  readonly seen: readonly string[]
}

async function reached(t: TestContext, limits: Parameters<typeof proxyOnLoopback>[1]["limits"] = {}): Promise<Reached> {
  const seen: string[] = []
  const port = await serveHttp(t, (request, response) => {
    let body = ""
    request.on("data", (chunk: Buffer) => void (body += chunk.toString()))
    request.on("end", () => {
      seen.push(`${request.method} ${request.headers.host} ${request.url} ${body}`)
      response.end("reached")
    })
  })
  const origin = `http://good.example:${port}`
  return { net: await proxyOnLoopback(t, { policy: { allowedOrigins: [origin] }, limits }), origin, seen }
}

test("request smuggling: two lengths, lines that end otherwise and folded headers become at most one request, to the host that was decided", async (t) => {
  const { net, origin, seen } = await reached(t)
  const host = origin.slice(7)
  const evil = `GET http://evil.example/smuggled HTTP/1.1\r\nHost: evil.example\r\n\r\n`
  const start = `POST ${origin}/first HTTP/1.1\r\nHost: ${host}\r\n`
  const heads: Readonly<Record<string, string>> = {
    "length, then chunks": `${start}Content-Length: ${evil.length}\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n${evil}`,
    "chunks, then length": `${start}Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n${evil}`,
    "two lengths": `${start}Content-Length: 0\r\nContent-Length: ${evil.length}\r\n\r\n${evil}`,
    "a list of lengths": `${start}Content-Length: 0, ${evil.length}\r\n\r\n${evil}`,
    "a length with a sign": `${start}Content-Length: +0\r\n\r\n${evil}`,
    "a negative length": `${start}Content-Length: -1\r\n\r\n${evil}`,
    "chunked twice": `${start}Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n${evil}`,
    "an encoding that nobody knows": `${start}Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n${evil}`,
    "a tab before chunked": `${start}Transfer-Encoding:\tchunked\r\nContent-Length: 4\r\n\r\n0\r\n\r\n${evil}`,
    "space before the colon": `${start}Content-Length : ${evil.length}\r\n\r\n${evil}`,
    "a folded header": `${start}X-A: 1\r\n Content-Length: ${evil.length}\r\n\r\n${evil}`,
    "bare LF": `${start.replaceAll("\r\n", "\n")}Content-Length: 0\n\n${evil}`,
    "bare LF in one line": `${start}X-A: 1\nContent-Length: ${evil.length}\r\n\r\n${evil}`,
    "bare CR": `${start}X-A: 1\rContent-Length: ${evil.length}\r\n\r\n${evil}`,
    "a null byte": `${start}X-A: a\0b\r\nContent-Length: 0\r\n\r\n${evil}`,
    "a chunk size that is no number": `${start}Transfer-Encoding: chunked\r\n\r\n0x0\r\n\r\n${evil}`,
    "a huge chunk size": `${start}Transfer-Encoding: chunked\r\n\r\nffffffffffffffffff\r\n\r\n${evil}`,
    "a chunk that ends with LF": `${start}Transfer-Encoding: chunked\r\n\r\n0\n\n${evil}`,
    "a length in the trailer": `${start}Transfer-Encoding: chunked\r\n\r\n0\r\nContent-Length: 70\r\n\r\n${evil}`,
  }
  for (const [name, head] of Object.entries(heads)) {
    const said = await net.say(
      `${head}GET http://evil.example/last HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n`,
    )
    assert.doesNotMatch(said, /reached[^]*reached/, name)
  }
  for (const request of seen)
    assert.match(request, new RegExp(`^POST ${host} /first (GET http://evil.example/smuggled[^]*)?$`))
  assert.deepEqual([...net.lookups], ["good.example"])
})

test("requests in a pipeline are decided one by one", async (t) => {
  const { net, origin, seen } = await reached(t)
  const host = origin.slice(7)
  const get = (url: string, to: string): string => `GET ${url} HTTP/1.1\r\nHost: ${to}\r\n\r\n`
  const said = await net.say(
    get(`${origin}/1`, host) +
      get("http://evil.example/2", "evil.example") +
      get(`${origin}/3`, host).replace("\r\n\r\n", "\r\nConnection: close\r\n\r\n"),
  )
  assert.deepEqual(said.match(/HTTP\/1\.1 \d+/g), ["HTTP/1.1 200", "HTTP/1.1 403", "HTTP/1.1 200"])
  assert.deepEqual(seen, [`GET ${host} /1 `, `GET ${host} /3 `])
})

test("a Host header of another host is misdirected: twice, with a port, with a path, empty", async (t) => {
  const { net, origin, seen } = await reached(t)
  const host = origin.slice(7)
  for (const [header, status] of [
    [`Host: evil.example`, 421],
    [`Host: good.example`, 421],
    [`Host: ${host}/x`, 421],
    [`Host: x@${host}`, 421],
    [`Host: ${host},evil.example`, 421],
    [`Host:`, 421],
    [`Host: ${host}\r\nHost: evil.example`, 400],
    [`Host: ${host}\r\nHost: ${host}`, 400],
    [`X-A: 1`, 400],
  ] as const) {
    const said = await net.say(`GET ${origin}/ HTTP/1.1\r\n${header}\r\nConnection: close\r\n\r\n`)
    assert.equal(Number(said.slice(9, 12)), status, header)
  }
  assert.deepEqual(seen, [])
  assert.equal(net.rows[0]?.reason, "host-header")
  assert.equal(
    (await net.say(`GET ${origin}/ HTTP/1.1\r\nHost: ${host.toUpperCase()}\r\nConnection: close\r\n\r\n`)).slice(9, 12),
    "200",
  )
})

test("headers of the connection stay here, and none gets in between", async (t) => {
  const headers: Record<string, string | string[] | undefined>[] = []
  const port = await serveHttp(t, (request, response) => {
    headers.push(request.headers)
    response.end("reached")
  })
  const origin = `http://good.example:${port}`
  const net = await proxyOnLoopback(t, { policy: { allowedOrigins: [origin] }, token: "the-token" })
  const login = `Proxy-Authorization: Basic ${Buffer.from("any:the-token").toString("base64")}`
  const head = [
    `GET ${origin}/ HTTP/1.1`,
    `Host: good.example:${port}`,
    login,
    "Proxy-Connection: keep-alive",
    "Connection: close, X-Secret-Hop",
    "X-Secret-Hop: 1",
    "Upgrade: h2c",
    "HTTP2-Settings: AAMAAABkAAQAAP__",
    "TE: trailers",
    "X-Kept: yes",
  ].join("\r\n")
  assert.match(await net.say(`${head}\r\n\r\n`), /^HTTP\/1\.1 200/)
  const names = Object.keys(headers[0] ?? {}).toSorted()
  assert.deepEqual(names, ["accept-encoding", "connection", "host", "user-agent", "x-kept"])
  assert.match(await net.say(`${head.replace(login, "X-No: login")}\r\n\r\n`), /^HTTP\/1\.1 400[^]*wants a login/)
  assert.match(
    await net.say(`${head.replace("the-token", "x")}\r\n\r\n`.replace(/Basic \S+/, "Basic Ong=")),
    /^HTTP\/1\.1 400/,
  )
  assert.equal(await net.tunnel("good.example:443"), 400)
})

test("oversized heads, and methods and targets that are none, end the connection with a status", async (t) => {
  const { net, origin, seen } = await reached(t)
  const host = origin.slice(7)
  const heads: Readonly<Record<string, string>> = {
    "a large header": `GET ${origin}/ HTTP/1.1\r\nHost: ${host}\r\nX-A: ${"x".repeat(1 << 20)}\r\n\r\n`,
    "many headers": `GET ${origin}/ HTTP/1.1\r\nHost: ${host}\r\n${"X-A: 1\r\n".repeat(100_000)}\r\n`,
    "a long target": `GET ${origin}/${"x".repeat(1 << 20)} HTTP/1.1\r\nHost: ${host}\r\n\r\n`,
    "no method": `\x01\x02\x03 / HTTP/1.1\r\n\r\n`,
    "HTTP/2": "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "HTTP/9": `GET ${origin}/ HTTP/9.9\r\nHost: ${host}\r\n\r\n`,
    TRACE: `TRACE ${origin}/ HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`,
  }
  for (const [name, head] of Object.entries(heads)) {
    const said = await net.say(head)
    assert.match(said, /^(HTTP\/1\.1 4\d\d [^]*)?$/, name)
  }
  assert.deepEqual(seen, [])
})

test("slow heads, slow greetings and silence end by time limits, and keep no place", async (t) => {
  const { net, origin } = await reached(t, { openingMs: 300, connections: 8 })
  const host = origin.slice(7)
  const beginnings = [
    "",
    "\x05",
    "\x05\x02\x00",
    "\x05\x01\x00\x05\x01",
    "GET",
    `GET ${origin}/ HTTP/1.1\r\nX-`,
    `CONNECT ${host} HTTP/1.1\r\n`,
  ]
  const sockets = await Promise.all(
    beginnings.map(async (beginning) => {
      const socket = await net.open()
      socket.write(beginning)
      socket.resume()
      return socket
    }),
  )
  await Promise.all(sockets.map(async (socket) => socket.closed || once(socket, "close")))
  while (net.proxy.connections > 0) await new Promise((resolve) => setImmediate(resolve))
  const ok = await net.say(`GET ${origin}/ HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`)
  assert.match(ok, /^HTTP\/1\.1 200/)
})

test("a body that comes slowly ends by its time limit", async (t) => {
  const { net, origin, seen } = await reached(t, { openingMs: 300, requestMs: 600 })
  const said = await net.say(`POST ${origin}/ HTTP/1.1\r\nHost: ${origin.slice(7)}\r\nContent-Length: 10\r\n\r\nx`)
  assert.doesNotMatch(said, /reached/)
  assert.deepEqual(seen, [])
})

test("more connections than the sandbox may have are closed at once, and others come in when some have gone", async (t) => {
  const { net, origin } = await reached(t, { connections: 4 })
  const kept = await Promise.all(Array.from({ length: 4 }, () => net.open()))
  while (net.proxy.connections < 4) await new Promise((resolve) => setImmediate(resolve))
  const extra = await net.open()
  extra.resume()
  await once(extra, "close")
  for (const socket of kept) socket.destroy()
  while (net.proxy.connections > 0) await new Promise((resolve) => setImmediate(resolve))
  const ok = await net.say(`GET ${origin}/ HTTP/1.1\r\nHost: ${origin.slice(7)}\r\nConnection: close\r\n\r\n`)
  assert.match(ok, /reached/)
})
