import assert from "node:assert/strict"
import { test } from "node:test"
import { canonicalTarget, socketTarget, webSocketTarget } from "./canonical-target.ts"

/** The origin of a URL, or the problem with it. */
function originOf(text: string): string {
  const parsed = canonicalTarget(text)
  return parsed.ok ? parsed.target.origin : parsed.problem
}

test("canonicalTarget gives all spellings of an origin one text", () => {
  const spellings = {
    "HTTPS://API.Example.COM": "https://api.example.com",
    "https://api.example.com:443/x": "https://api.example.com",
    "http://api.example.com.:80": "http://api.example.com",
    "https://ex%61mple.com": "https://example.com",
    "https://bücher.example": "https://xn--bcher-kva.example",
    "https://example\u3002com": "https://example.com",
    "http:\\\\example.com\\a": "http://example.com",
    "http://127.1": "http://127.0.0.1",
    "http://2130706433": "http://127.0.0.1",
    "http://0x7f.0.0.1": "http://127.0.0.1",
    "http://0177.0.0.1": "http://127.0.0.1",
    "http://[::ffff:127.0.0.1]:80": "http://127.0.0.1",
    "http://[::FFFF:7f00:1]:8080": "http://127.0.0.1:8080",
    "http://[0:0::1]": "http://[::1]",
  }
  for (const [text, origin] of Object.entries(spellings)) assert.equal(originOf(text), origin, text)
})

test("canonicalTarget refuses what is no plain http address", () => {
  const refused = {
    "": "url",
    "/relative": "url",
    "http://": "url",
    "http://foo.0x1.": "url",
    "ftp://example.com": "scheme",
    "file:///etc/passwd": "scheme",
    "data:text/plain,x": "scheme",
    "https://user@example.com": "userinfo",
    "https://good.example:x@evil.example": "userinfo",
    "https://*.example.com": "host",
    "https://a..b": "host",
    "https://example.com..": "host",
    [`https://${"a".repeat(64)}.com`]: "host",
  }
  for (const [text, problem] of Object.entries(refused)) assert.equal(originOf(text), problem, text)
})

test("canonicalTarget gives scheme, host, port and path, and drops the fragment", () => {
  assert.deepEqual(canonicalTarget("https://Example.com/a/../b/./c?q=1#f"), {
    ok: true,
    target: {
      origin: "https://example.com",
      scheme: "https",
      host: "example.com",
      port: 443,
      path: "/b/c",
      pathAndQuery: "/b/c?q=1",
      url: "https://example.com/b/c?q=1",
    },
  })
})

test("canonicalTarget leaves its own results as they are", () => {
  for (const text of ["http://[::1]:8080/x?y", "https://xn--bcher-kva.example/", "http://10.0.0.1/a%2fb"]) {
    const once = canonicalTarget(text)
    assert.ok(once.ok)
    assert.deepEqual(canonicalTarget(once.target.url), once)
  }
})

test("socketTarget gives a raw connection the same spelling, and lets nothing in a host be more than a host", () => {
  const originOfSocket = (host: string, port = 5432, tls = false): string => {
    const parsed = socketTarget({ host, port, tls })
    return parsed.ok ? parsed.target.origin : parsed.problem
  }
  assert.deepEqual(
    ["DB.Example.com.", "2130706433", "::1", "[::1]", "::ffff:10.0.0.1", "bücher.example"].map((h) =>
      originOfSocket(h),
    ),
    [
      "tcp://db.example.com:5432",
      "tcp://127.0.0.1:5432",
      "tcp://[::1]:5432",
      "tcp://[::1]:5432",
      "tcp://10.0.0.1:5432",
      "tcp://xn--bcher-kva.example:5432",
    ],
  )
  assert.equal(originOfSocket("a.example", 80, true), "tls://a.example:80")
  assert.equal(originOfSocket("a.example", 443, true), "tls://a.example:443")
  const hosts = [
    "",
    "a/b",
    "a@b.example",
    "a:1",
    "a\\b",
    "a b",
    "a\u0000.example",
    "a\r\n",
    "fe80::1%eth0",
    "[::1]:22",
    "*",
    "a?b",
    "a#b",
    "%61",
  ]
  for (const host of hosts) assert.equal(originOfSocket(host), "host", JSON.stringify(host))
  for (const port of [0, -1, 65_536, 1.5, NaN]) assert.equal(originOfSocket("a.example", port), "port")
})

test("webSocketTarget decides about ws as http and about wss as https", () => {
  const urlOf = (text: string): string => {
    const parsed = webSocketTarget(text)
    return parsed.ok ? parsed.target.url : parsed.problem
  }
  assert.equal(urlOf("WSS://A.example/x?y"), "https://a.example/x?y")
  assert.equal(urlOf("ws://a.example:80"), "http://a.example/")
  assert.deepEqual(["wss://u@a.example", "wss:", "file:///x"].map(urlOf), ["userinfo", "url", "scheme"])
})

test("canonicalTarget reads no address that is longer than servers read", () => {
  assert.equal(originOf(`https://a.example/${"x".repeat(65_536)}`), "url")
})
