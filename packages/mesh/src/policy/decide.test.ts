import assert from "node:assert/strict"
import { test } from "node:test"
import type { NetworkPolicy } from "@mayfly/protocol"
import { canonicalTarget, socketTarget } from "./canonical-target.ts"
import { decide, decideConnection, type Verdict } from "./decide.ts"
import { parsePolicy } from "./parse-policy.ts"
import { seed, seededRandom } from "./seeded-random.ts"

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
    auth: null,
    placeholders: [],
    isNarrow: false,
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

test("decide lets a wildcard not reach hosts that unrelated owners have below it", () => {
  const policy = { allowedOrigins: ["https://*.amazonaws.com"] }
  assert.equal(answer(policy, "https://sts.amazonaws.com"), "allow")
  assert.equal(answer(policy, "https://evil-bucket.s3.amazonaws.com"), "no-rule")
  assert.equal(answer({ ...policy, allowAll: true }, "https://evil-bucket.s3.amazonaws.com"), "allow")
  // What is denied is denied in full.
  const denied = { defaultPolicy: "allow" as const, deniedOrigins: ["https://*.amazonaws.com"] }
  assert.equal(answer(denied, "https://evil-bucket.s3.amazonaws.com"), "denied-origin")
})

test("decide takes the longest of several wildcards", () => {
  const policy = {
    allowedOrigins: ["https://*.example.com", { origin: "https://*.b.example.com", methods: ["POST"] }],
  }
  const found = verdict(policy, "https://a.b.example.com", "POST")
  assert.equal(found.rule, "https://*.b.example.com")
  assert.equal(verdict(policy, "https://a.b.example.com", "GET").rule, "https://*.example.com")
})

test("decide opens raw connections only to rules that name host and port", () => {
  const connect = (policy: NetworkPolicy, host: string, port: number, tls = false): string => {
    const parsed = socketTarget({ host, port, tls })
    assert.ok(parsed.ok)
    const found = decide(parsePolicy(policy), { method: "CONNECT", target: parsed.target })
    return found.allow ? "allow" : found.reason
  }
  const policy = { allowedOrigins: ["tcp://db.example.com:5432", "tls://*.example.org:6380"] }
  assert.equal(connect(policy, "db.example.com", 5432), "allow")
  assert.equal(connect(policy, "a.example.org", 6380, true), "allow")
  assert.equal(connect(policy, "db.example.com", 5433), "no-rule")
  assert.equal(connect(policy, "db.example.com", 5432, true), "no-rule")
  assert.equal(connect({ defaultPolicy: "allow" }, "db.example.com", 5432), "no-rule")
  assert.equal(connect({ allowedOrigins: ["*", "https://*"], allowAll: true }, "db.example.com", 443, true), "no-rule")
  assert.equal(connect({ ...policy, deniedOrigins: ["*"] }, "db.example.com", 5432), "denied-origin")
  assert.equal(answer(policy, "https://db.example.com:5432"), "no-rule")
})

test("decide allows within another policy what both allow, with the limits of both", () => {
  const outer = {
    allowedOrigins: [
      { origin: "https://a.example", maxResponseBytes: 10, headers: { "x-a": "outer" } },
      "https://*.b.example",
      "http://localhost:1",
    ],
    deniedOrigins: ["https://no.b.example"],
  }
  const inner = {
    defaultPolicy: "allow" as const,
    allowedOrigins: [{ origin: "https://a.example", methods: ["GET"], maxResponseBytes: 20, maxRequestBytes: 5 }],
  }
  const policy = { ...inner, within: outer }
  assert.deepEqual(verdict(policy, "https://a.example"), {
    allow: true,
    rule: "https://a.example",
    namesHost: true,
    maxRequestBytes: 5,
    maxResponseBytes: 10,
    headers: [{ name: "x-a", kind: "text", text: "outer" }],
    auth: null,
    placeholders: [],
    isNarrow: true,
    counted: [],
  })
  assert.equal(answer(policy, "https://a.example", "POST"), "method")
  assert.equal(answer(policy, "https://x.b.example"), "allow")
  assert.equal(answer(policy, "https://no.b.example"), "denied-origin")
  assert.equal(answer(policy, "https://c.example"), "no-rule")
  // Both would have to name a private host.
  const local = verdict(policy, "http://localhost:1")
  assert.ok(local.allow && !local.namesHost)
  const asks = { allowedOrigins: ["https://c.example"], within: { defaultPolicy: "ask" as const } }
  assert.equal(answer(asks, "https://c.example"), "ask")
  assert.equal(answer(asks, "https://d.example"), "no-rule")
})

test("decideConnection says whether a tunnel's requests must be looked at", () => {
  const connection = (policy: NetworkPolicy, url: string): unknown => {
    const parsed = canonicalTarget(url)
    assert.ok(parsed.ok)
    const found = decideConnection(parsePolicy(policy), parsed.target)
    return found.allow ? found.needsRequests : found.reason
  }
  const policy = { allowedOrigins: ["https://a.example", { origin: "https://b.example", paths: ["/v1/*"] }] }
  assert.deepEqual(
    ["https://a.example", "https://b.example", "https://c.example"].map((url) => connection(policy, url)),
    [false, true, "no-rule"],
  )
  assert.equal(connection({ allowedOrigins: ["https://a.example"], within: policy }, "https://a.example"), false)
  assert.equal(connection({ allowedOrigins: ["https://b.example"], within: policy }, "https://b.example"), true)
  assert.equal(connection({ defaultPolicy: "ask" }, "https://a.example"), "ask")
})

test(`decide allows nothing that a rule does not spell out (seed ${seed})`, () => {
  const random = seededRandom(seed)
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
