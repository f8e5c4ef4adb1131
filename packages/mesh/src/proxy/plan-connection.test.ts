import assert from "node:assert/strict"
import { test } from "node:test"
import type { NetworkPolicy } from "@mayfly/protocol"
import { mayReachHost, portsOf } from "../policy/named-hosts.ts"
import { parsePolicy } from "../policy/parse-policy.ts"
import { planConnection } from "./plan-connection.ts"
import type { TlsMode } from "./proxy-options.ts"

/** In a word or two. */
function planned(
  network: NetworkPolicy,
  [host, port]: readonly [string, number],
  mode: TlsMode = "when-needed",
): string {
  const plan = planConnection(parsePolicy(network), { host, port }, mode)
  if (plan === null) return "none"
  if (plan.kind === "raw") return `raw ${plan.target.origin}`
  const refusal = plan.refusal === null ? "" : `, refused: ${plan.refusal.reason} ${plan.refusal.target.origin}`
  return `${plan.tls.kind} ${plan.tls.target.origin}${plan.mayHttp ? ", http" : ""}${refusal}`
}

test("planConnection looks no closer than the rules ask for", () => {
  const allowedOrigins = [
    "https://plain.test",
    "http://plain.test",
    { origin: "https://rules.test", paths: ["/v1/*"] },
    "tcp://db.test:5432",
    "tls://mail.test:993",
    "tcp://both.test:443",
    { origin: "https://both.test", methods: ["GET"] },
  ]
  const cases: readonly (readonly [string, number, TlsMode, string])[] = [
    ["plain.test", 443, "when-needed", "tunnel https://plain.test"],
    ["plain.test", 443, "always", "terminate https://plain.test"],
    ["plain.test", 80, "when-needed", "terminate https://plain.test:80, http"],
    ["rules.test", 443, "when-needed", "terminate https://rules.test"],
    ["rules.test", 443, "never", "tunnel https://rules.test"],
    ["db.test", 5432, "when-needed", "raw tcp://db.test:5432"],
    ["db.test", 443, "when-needed", "terminate https://db.test, refused: no-rule https://db.test"],
    ["mail.test", 993, "when-needed", "tunnel tls://mail.test:993"],
    ["mail.test", 993, "never", "tunnel tls://mail.test:993"],
    ["both.test", 443, "when-needed", "raw tcp://both.test:443"],
    ["evil.test", 80, "when-needed", "terminate https://evil.test:80, refused: no-rule http://evil.test"],
    ["evil\0.test", 80, "when-needed", "none"],
    ["evil.test", 0, "when-needed", "none"],
  ]
  for (const [host, port, mode, expected] of cases) {
    assert.equal(planned({ allowedOrigins }, [host, port], mode), expected)
  }
})

test("what deniedOrigins names in one shape is not carried in another", () => {
  const allowed = { allowedOrigins: ["tcp://a.test:443", "tls://a.test:443"] }
  assert.equal(planned(allowed, ["a.test", 443]), "raw tcp://a.test:443")
  const denied = planned({ ...allowed, deniedOrigins: ["https://a.test"] }, ["a.test", 443])
  assert.equal(denied, "terminate https://a.test, refused: denied-origin https://a.test")
  assert.equal(
    planned({ allowedOrigins: ["https://a.test"], deniedOrigins: ["tcp://a.test:443"] }, ["a.test", 443]),
    "terminate https://a.test",
  )
})

test("a default of allow or ask leaves web connections open, and raw ones closed", () => {
  assert.equal(planned({ defaultPolicy: "allow" }, ["a.test", 443]), "tunnel https://a.test, http")
  assert.equal(planned({ defaultPolicy: "ask" }, ["a.test", 443]), "tunnel https://a.test, http")
  assert.equal(planned({ defaultPolicy: "ask" }, ["a.test", 443], "always"), "terminate https://a.test, http")
})

test("mayReachHost knows the hosts of all layers, portsOf their ports", () => {
  const inner = { allowedOrigins: ["https://*.example.org", "tcp://db.test:5432", "https://a.test:8443"] }
  const policy = parsePolicy({ ...inner, within: { allowedOrigins: ["https://*.example.org", "https://a.test:9443"] } })
  const hosts = ["x.example.org", "a.test", "example.org", "db.test", "evil.test", "evilexample.org"]
  assert.deepEqual(
    hosts.filter((host) => mayReachHost(policy, host)),
    ["x.example.org", "a.test"],
  )
  assert.deepEqual(portsOf(policy), [80, 443, 5432, 8443, 9443])
  const wide = parsePolicy({ allowedOrigins: ["https://*.amazonaws.com"] })
  assert.deepEqual(
    ["ec2.amazonaws.com", "x.s3.amazonaws.com"].map((host) => mayReachHost(wide, host)),
    [true, false],
  )
  for (const defaultPolicy of ["allow", "ask"] as const)
    assert.ok(mayReachHost(parsePolicy({ defaultPolicy }), "any.test"))
})
