import assert from "node:assert/strict"
import { isIP } from "node:net"
import { test } from "node:test"
import { mayDial } from "../dial/address.ts"
import { addressOf, canonicalTarget, socketTarget } from "./canonical-target.ts"
import { decide } from "./decide.ts"
import { parsePolicy } from "./parse-policy.ts"
import { seed, seededRandom } from "./seeded-random.ts"

const random = seededRandom(seed)
const pick = <T>(items: readonly T[]): T => items[Math.floor(random() * items.length)] as T

const pieces = [
  "good.example", "evil.example", "127.0.0.1", "0x7f.1", "2130706433", "[::1]", "[::ffff:7f00:1]", "localhost", "xn--", "é", "ｇ", "。",
  ".", "..", "-", "_", "*", "@", ":", ":80", ":443", ":65536", "/", "//", "\\", "?", "#", "%", "%00", "%2e", "%2f", "%40", "\u0000",
  "\t", "\r\n", " ", "\u00ad", "\u200b", "\u202e", "http", "https", "://", "ws:", "file:", "javascript:", "[", "]", "user", "pw", "{", "|",
] // oxfmt-ignore

function hostileText(): string {
  const start = random() < 0.7 ? pick(["http://", "https://", "HTTP:\\\\", "http:", "https:///"]) : ""
  return start + Array.from({ length: 1 + Math.floor(random() * 6) }, () => pick(pieces)).join("")
}

test(`canonicalTarget gives one spelling that means the same to everybody, or nothing (seed ${seed})`, () => {
  let accepted = 0
  for (let round = 0; round < 20_000; round++) {
    const text = hostileText()
    const parsed = canonicalTarget(text)
    const seen = JSON.stringify({ seed, round, text })
    if (!parsed.ok) continue
    accepted++
    const { host, origin, port, url, path } = parsed.target
    // Nothing that another parser could read in another way.
    assert.match(host, /^[a-z0-9_.-]+$|^\[[0-9a-f:]+\]$/, seen)
    assert.doesNotMatch(host, /^\.|\.$|\.\./, seen)
    assert.ok(port >= 0 && port <= 65_535, seen)
    assert.ok(path.startsWith("/"), seen)
    assert.doesNotMatch(url, /[\u0000-\u0020#]/, seen)
    assert.doesNotMatch(path, /\\/, seen)
    // Reading it again, by us or by the platform's parser, changes nothing.
    assert.deepEqual(canonicalTarget(url), parsed, seen)
    assert.equal(new URL(url).host === new URL(origin).host && new URL(url).hostname === host, true, seen)
    // What looks like an address is one, in its only form.
    const address = addressOf(host)
    if (/^[\d.]+$/.test(host) || host.startsWith("[")) assert.ok(address !== null && isIP(address) !== 0, seen)
  }
  assert.ok(accepted > 1_000, `${accepted} texts were addresses`)
})

test(`socketTarget gives nothing but a host and a port (seed ${seed})`, () => {
  for (let round = 0; round < 20_000; round++) {
    const host = Array.from({ length: 1 + Math.floor(random() * 3) }, () => pick(pieces)).join("")
    const parsed = socketTarget({ host, port: 5432, tls: false })
    if (!parsed.ok) continue
    assert.match(
      parsed.target.origin,
      /^tcp:\/\/([a-z0-9_.-]+|\[[0-9a-f:]+\]):5432$/,
      JSON.stringify({ seed, round, host }),
    )
    assert.deepEqual(socketTarget({ host: parsed.target.host, port: 5432, tls: false }), parsed)
  }
})

test(`decide agrees with a slow reading of the rules, and opens no private literal by itself (seed ${seed})`, () => {
  const hosts = [
    "a.example",
    "b.a.example",
    "c.b.a.example",
    "ba.example",
    "localhost",
    "127.0.0.1",
    "10.0.0.1",
    "[::1]",
    "8.8.8.8",
  ]
  const patterns = [
    "https://a.example",
    "https://*.a.example",
    "https://*.b.a.example",
    "http://127.0.0.1",
    "https://[::1]",
    "*",
    "http://*",
    "https://a.example:8443",
  ]
  for (let round = 0; round < 10_000; round++) {
    const rules = Array.from({ length: Math.floor(random() * 4) }, () => ({
      origin: pick(patterns),
      ...(random() < 0.3 ? { methods: ["GET"] } : {}),
      ...(random() < 0.3 ? { paths: [pick(["/v1/*", "/v1/x"])] } : {}),
    }))
    const deniedOrigins = Array.from({ length: Math.floor(random() * 2) }, () => pick(patterns))
    const defaultPolicy = pick(["allow", "deny", "ask"] as const)
    const url = `${pick(["http", "https"])}://${pick(hosts)}${pick(["", ":8443"])}${pick(["/v1/x", "/v1/y", "/"])}`
    const method = pick(["GET", "POST"])
    const parsed = canonicalTarget(url)
    assert.ok(parsed.ok)
    const found = decide(parsePolicy({ allowAll: true, allowedOrigins: rules, deniedOrigins, defaultPolicy }), {
      method,
      target: parsed.target,
    })
    const seen = JSON.stringify({ seed, round, rules, deniedOrigins, defaultPolicy, url, method, found })
    assert.equal(found.allow, slowly({ rules, deniedOrigins, defaultPolicy, url, method }), seen)
    const address = addressOf(parsed.target.host)
    if (!found.allow || address === null || address === "8.8.8.8") continue
    const isNamed = rules.some(({ origin }) => origin === parsed.target.origin)
    assert.equal(isNamed || !mayDial(address, { namesHost: found.namesHost, isLiteral: true }), true, seen)
  }
})

interface Question {
  readonly rules: readonly {
    readonly origin: string
    readonly methods?: readonly string[]
    readonly paths?: readonly string[]
  }[]
  readonly deniedOrigins: readonly string[]
  readonly defaultPolicy: string
  readonly url: string
  readonly method: string
}

/** The rules, written down a second time for somebody in no hurry. */
function slowly({ rules, deniedOrigins, defaultPolicy, url, method }: Question): boolean {
  const covers = (pattern: string): boolean => {
    const { protocol, hostname, port } = new URL(url)
    if (pattern === "*") return true
    if (pattern.endsWith("://*")) return pattern === `${protocol}//*`
    const rule = new URL(pattern.replace("*", "wildcard"))
    if (rule.protocol !== protocol || rule.port !== port) return false
    if (!rule.hostname.startsWith("wildcard.")) return rule.hostname === hostname
    return hostname.endsWith(rule.hostname.slice("wildcard".length))
  }
  if (deniedOrigins.some(covers)) return false
  const named = rules.filter(({ origin }) => covers(origin))
  if (named.length === 0) return defaultPolicy === "allow"
  const { pathname } = new URL(url)
  return named.some(({ methods = [method], paths = ["/*"] }) => {
    const fits = paths.some((path) => (path.endsWith("*") ? pathname.startsWith(path.slice(0, -1)) : pathname === path))
    return methods.includes(method) && fits
  })
}
