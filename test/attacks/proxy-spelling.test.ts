import assert from "node:assert/strict"
import { test } from "node:test"
import { proxyOnLoopback } from "./proxy-on-loopback.ts"
import { serveSocket } from "./upstream.ts"
import { privateHosts } from "./private-hosts.ts"

const onlyGood = { allowedOrigins: ["tcp://good.example:443", "http://good.example"] }

test("null bytes, control characters and white space in a host reach no host, through CONNECT, SOCKS5 and absolute URLs", async (t) => {
  const net = await proxyOnLoopback(t, { policy: onlyGood })
  for (const host of [
    "evil.example\0.good.example",
    "good.example\0.evil.example",
    "good.example\0",
    "evil.example%00.good.example",
    "good.example\t",
    "good.example ",
    "evil.example\r\n.good.example",
    "good.example\x7f",
    "",
    "a".repeat(255),
  ]) {
    assert.notEqual(await net.socks(host, 443), 0, `SOCKS ${JSON.stringify(host)}`)
    assert.notEqual(await net.tunnel(`${host}:443`), 200, `CONNECT ${JSON.stringify(host)}`)
    const said = await net.say(`GET http://${host}/ HTTP/1.1\r\nHost: good.example\r\nConnection: close\r\n\r\n`)
    assert.match(said, /^HTTP\/1\.1 (400|403|421)/, `absolute ${JSON.stringify(host)}`)
  }
  assert.deepEqual([...net.lookups], [])
})

test("case and a trailing dot are the same host, an empty label is none", async (t) => {
  const port = await serveSocket(t, (socket) => void socket.end("reached"))
  const net = await proxyOnLoopback(t, { policy: { allowedOrigins: [`tcp://good.example:${port}`] } })
  for (const host of ["good.example", "GOOD.Example", "good.example."]) {
    assert.equal(await net.socks(host, port), 0, host)
    assert.equal(await net.tunnel(`${host}:${port}`), 200, host)
  }
  for (const host of [
    "good.example..",
    ".good.example",
    "good..example",
    "evil.good.example",
    "xgood.example",
    "good.example.evil.example",
  ]) {
    assert.equal(await net.socks(host, port), 2, host)
    assert.equal(await net.tunnel(`${host}:${port}`), 403, host)
  }
  assert.deepEqual([...net.lookups], ["good.example"])
})

test("punycode and other scripts are other hosts; bytes that are no ASCII are no name", async (t) => {
  const net = await proxyOnLoopback(t, { policy: onlyGood })
  for (const host of [
    "xn--gd-jbca.example",
    "g\u00f6od.example",
    "g\u043eod.example",
    "good\u3002example",
    "good.example\u00ad",
  ]) {
    assert.notEqual(await net.socks(Buffer.from(host), 443), 0, host)
    assert.notEqual(await net.tunnel(`${Buffer.from(host).toString("latin1")}:443`), 200, host)
  }
  assert.deepEqual([...net.lookups], [])
})

test("user names, slashes, queries and backslashes do not move the host", async (t) => {
  const net = await proxyOnLoopback(t, { policy: onlyGood })
  for (const target of [
    "good.example:443@evil.example:443",
    "evil.example@good.example:443",
    "evil.example/@good.example:443",
    "evil.example#@good.example:443",
    "evil.example?good.example:443",
    "evil.example\\good.example:443",
    "good.example:443/evil.example",
    "https://good.example:443",
    "good.example",
    "good.example:",
    "good.example:0",
    "good.example:65979",
    "good.example:+443",
    "good.example:4e2",
    "[good.example]:443",
    "*:443",
  ]) {
    assert.notEqual(await net.tunnel(target), 200, target)
  }
  for (const host of [
    "good.example:443@evil.example",
    "evil.example/good.example",
    "good.example:443",
    "[good.example]",
    "*.example",
  ]) {
    assert.notEqual(await net.socks(host, 443), 0, host)
  }
  for (const url of [
    "http://evil.example@good.example/",
    "http://good.example@evil.example/",
    "http://evil.example\\@good.example/",
    "file:///etc/passwd",
    "https://good.example/",
    "//good.example/",
    "good.example",
  ]) {
    const said = await net.say(`GET ${url} HTTP/1.1\r\nHost: good.example\r\nConnection: close\r\n\r\n`)
    assert.match(said, /^HTTP\/1\.1 (400|403|421)/, url)
  }
  assert.deepEqual([...net.lookups], [])
})

test("no spelling of a private or metadata address is reached, by any protocol of the proxy", async (t) => {
  const port = await serveSocket(t, () => assert.fail("a private address was reached"))
  const policy = { allowedOrigins: ["*", "https://*", "http://*"], allowAll: true }
  const net = await proxyOnLoopback(t, { policy })
  const hosts = [
    ...privateHosts,
    "[::1%lo]",
    "::1",
    "::ffff:127.0.0.1%x.good.example",
    "198.18.0.1",
    "198.19.255.254",
    "anything.example",
  ]
  for (const host of hosts) {
    const said = await net.say(
      `GET http://${host}:${port}/ HTTP/1.1\r\nHost: ${host}:${port}\r\nConnection: close\r\n\r\n`,
    )
    assert.match(said, /^HTTP\/1\.1 (400|403|421)/, host)
  }
  // A tunnel for TLS or HTTP opens before it is known which; nothing is dialled until then.
  for (const host of hosts) {
    for (const request of [
      `GET / HTTP/1.1\r\nHost: ${host}:${port}\r\nConnection: close\r\n\r\n`,
      "\x16\x03\x01\x00\x05\x01\x00\x00\x01\x00",
    ]) {
      const tunnelled = await net.say(
        Buffer.from(`CONNECT ${host}:${port} HTTP/1.1\r\nHost: x\r\n\r\n${request}`, "latin1"),
      )
      assert.match(tunnelled, /^HTTP\/1\.1 (4\d\d|200 Connection Established\r\n\r\n(HTTP\/1\.1 4\d\d|\x15))/, host)
      const name = Buffer.concat([
        Buffer.from([5, 1, 0, 5, 1, 0, 3, host.length]),
        Buffer.from(host),
        Buffer.from([port >> 8, port & 255]),
      ])
      const proxied = await net.say(Buffer.concat([name, Buffer.from(request, "latin1")]))
      assert.match(proxied.slice(2), /^\x05([^\0]|\0[^]{8}(HTTP\/1\.1 4\d\d|\x15))/, host)
    }
  }
  const binary = await net.say(
    Buffer.concat([
      Buffer.from([5, 1, 0, 5, 1, 0, 1, 127, 0, 0, 1, port >> 8, port & 255]),
      Buffer.from("GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n"),
    ]),
  )
  assert.match(binary, /HTTP\/1\.1 421/)
})
