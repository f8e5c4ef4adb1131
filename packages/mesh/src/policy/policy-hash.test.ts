import assert from "node:assert/strict"
import { test } from "node:test"
import { canonicalPolicy, policyHash } from "./policy-hash.ts"

test("canonicalPolicy gives policies that mean the same one form", () => {
  const one = {
    deniedOrigins: ["https://B.example", "https://a.example:443/", "https://a.example"],
    allowedOrigins: [
      "HTTPS://API.example.com",
      {
        paths: ["/b", "/a"],
        methods: ["POST", "GET"],
        origin: "https://x.example",
        headers: { B: "2", A: { secret: "K" } },
      },
      { origin: "https://plain.example" },
    ],
  }
  const canonical = canonicalPolicy(one)
  assert.deepEqual(canonical, {
    defaultPolicy: "deny",
    allowedOrigins: [
      "https://api.example.com",
      {
        origin: "https://x.example",
        methods: ["GET", "POST"],
        paths: ["/a", "/b"],
        headers: { a: { secret: "K", format: "{secret}" }, b: "2" },
      },
      "https://plain.example",
    ],
    deniedOrigins: ["https://a.example", "https://b.example"],
  })
  assert.deepEqual(canonicalPolicy(canonical), canonical)
  assert.equal(policyHash(one), policyHash(canonical))
  assert.match(policyHash(one), /^[0-9a-f]{64}$/)
})

test("policyHash changes with whatever a policy may decide differently", () => {
  const origin = "https://a.example"
  const policies = [
    {},
    { defaultPolicy: "allow" as const },
    { allowAll: true },
    { allowedOrigins: [origin] },
    { deniedOrigins: [origin] },
    { allowedOrigins: [origin], within: {} },
    { allowedOrigins: [{ origin, maxRequests: 1 }] },
    { allowedOrigins: [{ origin, rate: { requests: 1, perSeconds: 2 } }] },
    { allowedOrigins: [{ origin, headers: { a: "1" } }] },
    { allowedOrigins: [{ origin, headers: { a: null } }] },
    { allowedOrigins: [{ origin, methods: [] }] },
    { allowedOrigins: ["https://b.example", origin] },
    { allowedOrigins: [origin, "https://b.example"] },
  ]
  assert.equal(new Set(policies.map(policyHash)).size, policies.length)
})
