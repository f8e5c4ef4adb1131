import assert from "node:assert/strict"
import { test } from "node:test"
import { expectPolicy } from "./expect-policy.ts"

const policy = {
  allowedOrigins: [
    "https://*.example.com",
    { origin: "https://api.example.org", methods: ["GET"], paths: ["/v1/*"] },
    "tcp://db.example.com:5432",
    "http://localhost:8080",
  ],
  deniedOrigins: ["https://evil.example.com"],
}

test("expectPolicy says nothing when a policy does what is expected", () => {
  const expected = expectPolicy(policy)
  expected.toAllow("https://a.example.com/x")
  expected.toAllow("wss://a.example.com/socket")
  expected.toAllow("tcp://db.example.com:5432")
  expected.toAllow("http://localhost:8080")
  expected.toAllow("https://api.example.org/v1/x", { method: "GET" })
  expected.toDeny("https://api.example.org/v1/x", "method", { method: "POST" })
  expected.toDeny("https://api.example.org/v2", "path")
  expected.toDeny("https://example.com")
  expected.toDeny("https://evil.example.com", "denied-origin")
  expected.toDeny("https://user@a.example.com", "userinfo")
  expected.toDeny("tls://db.example.com:5432", "no-rule")
  expected.toDeny("file:///etc/passwd", "scheme")
  expectPolicy({ defaultPolicy: "allow" }).toDeny("http://169.254.169.254/latest", "private-address")
  expectPolicy({ defaultPolicy: "allow" }).toDeny("http://2130706433", "private-address")
  expectPolicy({}).toDeny("https://a.example.com")
})

test("expectPolicy throws what every test runner shows as a failed assertion", () => {
  const expected = expectPolicy(policy)
  assert.throws(() => expected.toAllow("https://example.com"), {
    name: "AssertionError",
    message: "GET https://example.com should be allowed, and is denied: no-rule",
    actual: "denied: no-rule",
    expected: "allowed",
  })
  assert.throws(() => expected.toDeny("https://a.example.com"), { name: "AssertionError", actual: "allowed" })
  assert.throws(() => expected.toDeny("https://example.com", "path"), {
    actual: "denied: no-rule",
    expected: "denied: path",
  })
  assert.throws(() => expectPolicy({ allowedOrigins: ["*"] }), { code: "input.invalid" })
})
