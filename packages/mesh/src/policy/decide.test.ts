import assert from "node:assert/strict"
import { test } from "node:test"
import type { NetworkPolicy } from "@mayfly/protocol"
import { canonicalTarget } from "./canonical-target.ts"
import { decide, type Verdict } from "./decide.ts"
import { parsePolicy } from "./parse-policy.ts"

function verdict(policy: NetworkPolicy, url: string, method = "GET"): Verdict {
  const parsed = canonicalTarget(url)
  assert.ok(parsed.ok, url)
  return decide(parsePolicy(policy), { method, target: parsed.target })
}

/** "allow", or why not. */
function answer(policy: NetworkPolicy, url: string, method?: string): string {
  const found = verdict(policy, url, method)
  return found.allow ? "allow" : found.reason
}

test("decide denies what no rule names", () => {
  assert.deepEqual(verdict({}, "https://a.example"), { allow: false, reason: "no-rule", rule: null })
  assert.equal(answer({ defaultPolicy: "ask" }, "https://a.example"), "ask")
  assert.equal(answer({ defaultPolicy: "allow" }, "https://a.example"), "allow")
})

test("decide compares scheme, host and port", () => {
  const policy = { allowedOrigins: ["https://api.example.com"] }
  assert.deepEqual(verdict(policy, "https://API.example.com.:443/x?y"), {
    allow: true,
    rule: "https://api.example.com",
    namesHost: true,
    maxRequestBytes: null,
    maxResponseBytes: null,
    headers: [],
    counted: [],
  })
  for (const url of [
    "http://api.example.com",
    "https://api.example.com:8443",
    "https://example.com",
    "https://x.api.example.com",
    "https://api.example.com.evil.example",
    "https://evilapi.example.com",
  ]) {
    assert.equal(answer(policy, url), "no-rule", url)
  }
})

test("decide lets a wildcard stand for subdomains only", () => {
  const policy = { allowedOrigins: ["https://*.example.com"] }
  assert.equal(answer(policy, "https://a.example.com"), "allow")
  assert.equal(answer(policy, "https://a.b.example.com"), "allow")
  for (const url of ["https://example.com", "https://evilexample.com", "https://a.example.com.evil.example"]) {
    assert.equal(answer(policy, url), "no-rule", url)
  }
  assert.equal(answer(policy, "https://93.184.216.34"), "no-rule")
})

test("decide lets denied origins win over every rule and default", () => {
  const deniedOrigins = ["https://bad.example.com", "https://*.evil.example"]
  for (const policy of [
    { allowedOrigins: ["https://bad.example.com", "https://*.example.com", "https://a.evil.example"], deniedOrigins },
    { defaultPolicy: "allow" as const, deniedOrigins },
    { allowedOrigins: ["*"], allowAll: true, deniedOrigins },
  ]) {
    assert.equal(answer(policy, "https://bad.example.com"), "denied-origin")
    assert.equal(answer(policy, "https://a.evil.example"), "denied-origin")
  }
})

test("decide keeps an origin with rules to its methods and paths, also when the default allows", () => {
  const policy = {
    defaultPolicy: "allow" as const,
    allowedOrigins: [{ origin: "https://a.example", methods: ["GET"], paths: ["/v1/*", "/health"] }],
  }
  assert.equal(answer(policy, "https://a.example/v1/x"), "allow")
  assert.equal(answer(policy, "https://a.example/health?x=1"), "allow")
  assert.equal(answer(policy, "https://a.example/v1/x", "POST"), "method")
  for (const path of ["/v2", "/v1", "/healthy", "/V1/x", "/v1/../admin", "/v1/%2e%2e/admin"]) {
    assert.equal(answer(policy, `https://a.example${path}`), "path", path)
  }
})

test("decide fits no limited path to one that a server may read in another way", () => {
  const policy = { allowedOrigins: [{ origin: "https://a.example", paths: ["/v1/*"] }] }
  for (const path of ["..%2fadmin", "..%5Cadmin", "%252e%252e%252fadmin", "%252e%252e/admin", "..;/admin", "a%00b"]) {
    assert.equal(answer(policy, `https://a.example/v1/${path}`), "path", path)
    assert.equal(answer({ allowedOrigins: ["https://a.example"] }, `https://a.example/v1/${path}`), "allow", path)
  }
})

test("decide takes the most exact of several rules that fit", () => {
  const policy = {
    allowAll: true,
    allowedOrigins: [
      "*",
      { origin: "https://*.example.com", maxResponseBytes: 2 },
      { origin: "https://a.example.com", maxResponseBytes: 1 },
    ],
  }
  const rule = (url: string): string | null => verdict(policy, url).rule
  assert.equal(rule("https://a.example.com"), "https://a.example.com")
  assert.equal(rule("https://b.example.com"), "https://*.example.com")
  assert.equal(rule("https://c.example"), "*")
  const found = verdict(policy, "https://b.example.com")
  assert.ok(found.allow)
  assert.equal(found.namesHost, false)
})

const seed = Number(process.env["MAYFLY_SEED"] ?? Math.floor(Math.random() * 2 ** 31))

test(`decide allows nothing that a rule does not spell out (seed ${seed})`, () => {
  const random = randomFrom(seed)
  const pick = <T>(items: readonly [T, ...T[]]): T => items[Math.floor(random() * items.length)] ?? items[0]
  const host = (): string => {
    const labels = Array.from({ length: 1 + Math.floor(random() * 3) }, () => pick(["a", "b", "evil", "example", "xa"]))
    return [...labels, pick(["com", "org"])].join(".")
  }
  const origin = (name: string): string =>
    `${pick(["http", "https"])}://${name}${pick(["", "", ":443", ":80", ":8080"])}`

  for (let round = 0; round < 3000; round += 1) {
    const wide = pick([true, false, false])
    const allowed = Array.from({ length: 3 }, () => origin(wide ? `*.${host()}` : host()))
    const denied = origin(host())
    const url = `${pick([origin(host()), allowed[0] ?? "", denied]).replace("*", "x")}/p`
    const found = verdict({ allowedOrigins: allowed, deniedOrigins: [denied] }, url)
    const expected = isNamed(url, allowed) && !isNamed(url, [denied])
    assert.equal(found.allow, expected, JSON.stringify({ seed, round, allowed, denied, url }))
  }
})

/** The meaning of origins, written a second time and in another way. */
function isNamed(url: string, origins: readonly string[]): boolean {
  const { protocol, port, hostname } = new URL(url)
  return origins.some((text) => {
    const rule = new URL(text.replace("*.", "wildcard."))
    if (rule.protocol !== protocol || rule.port !== port) return false
    if (!rule.hostname.startsWith("wildcard.")) return rule.hostname === hostname
    const wanted = rule.hostname.split(".").slice(1).toReversed()
    const parts = hostname.split(".").toReversed()
    return parts.length > wanted.length && wanted.every((part, index) => parts[index] === part)
  })
}

/** mulberry32: small, and the same everywhere. */
function randomFrom(start: number): () => number {
  let state = start
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}
