import assert from "node:assert/strict"
import { test } from "node:test"
import { MayflyError } from "@mayfly/protocol"
import { parsePolicy } from "./parse-policy.ts"

/** The message with which a policy is refused. */
function refusal(input: unknown): string {
  try {
    parsePolicy(input)
  } catch (error) {
    assert.ok(error instanceof MayflyError)
    assert.equal(error.code, "input.invalid")
    assert.equal(error.message.split(" ")[0], error.details["field"])
    return error.message
  }
  return "accepted"
}

const nothing = { defaultPolicy: "deny", rules: [], denied: [], allowAll: false, within: null }
const unlimited = { headers: [], auth: null, placeholders: [], maxRequests: null, maxRequestBytes: null, rate: null }

test("parsePolicy denies everything when nothing is given", () => {
  assert.deepEqual(parsePolicy(undefined), nothing)
  assert.deepEqual(parsePolicy({}), nothing)
})

test("parsePolicy reads texts and rules into one form", () => {
  const policy = parsePolicy({
    defaultPolicy: "allow",
    allowedOrigins: [
      "HTTPS://API.example.com:443/",
      { origin: "http://*.example.com:8080", methods: ["GET", "POST"], paths: ["/v1/*"], maxResponseBytes: 10 },
    ],
    deniedOrigins: ["https://*"],
  })
  assert.deepEqual(policy, {
    defaultPolicy: "allow",
    rules: [
      {
        pattern: { kind: "exact", text: "https://api.example.com", origin: "https://api.example.com" },
        methods: null,
        paths: null,
        maxResponseBytes: null,
        ...unlimited,
      },
      {
        pattern: {
          kind: "subdomains",
          text: "http://*.example.com:8080",
          scheme: "http",
          suffix: "example.com",
          port: 8080,
        },
        methods: new Set(["GET", "POST"]),
        paths: ["/v1/*"],
        maxResponseBytes: 10,
        ...unlimited,
      },
    ],
    denied: [{ kind: "any", text: "https://*", scheme: "https" }],
    allowAll: false,
    within: null,
  })
})

test("parsePolicy refuses rules that cover hosts of anybody, unless allowAll is true", () => {
  for (const origin of [
    "*",
    "https://*",
    "HTTP://*",
    "https://*.com",
    "https://*.co.uk",
    "https://*.localhost",
    "https://*.github.io",
    "https://*.s3.amazonaws.com",
  ]) {
    assert.match(refusal({ allowedOrigins: ["https://a.example", origin] }), /^network\.allowedOrigins\[1\] .*allowAll/)
    assert.match(refusal({ allowedOrigins: [{ origin }] }), /^network\.allowedOrigins\[0\]\.origin /)
    assert.equal(refusal({ allowedOrigins: [origin], allowAll: true }), "accepted")
    assert.equal(refusal({ deniedOrigins: [origin] }), "accepted")
  }
})

function nested(depth: number): unknown {
  return depth === 0 ? {} : { within: nested(depth - 1) }
}

test("parsePolicy names the field that is wrong", () => {
  const rule = (fields: object): unknown => ({ allowedOrigins: [{ origin: "https://a.example", ...fields }] })
  const cases: readonly (readonly [unknown, RegExp])[] = [
    [null, /^network must be an object/],
    ["https://a.example", /^network must be an object/],
    [[], /^network must be an object/],
    [{ allowedOrigin: [] }, /^network\.allowedOrigin is not known; known are defaultPolicy/],
    [{ defaultPolicy: "permit" }, /^network\.defaultPolicy must be "deny"/],
    [{ allowAll: "yes" }, /^network\.allowAll must be true or false/],
    [{ allowedOrigins: "https://a.example" }, /^network\.allowedOrigins must be a list/],
    [{ allowedOrigins: [1] }, /^network\.allowedOrigins\[0\] must be an object/],
    [{ allowedOrigins: ["api.example.com"] }, /^network\.allowedOrigins\[0\] .*"https:\/\/api\.example\.com"/],
    [{ allowedOrigins: ["https://a.example/v1"] }, /^network\.allowedOrigins\[0\] .*paths/],
    [{ allowedOrigins: ["https://a.example?"] }, /^network\.allowedOrigins\[0\] .*without a path/],
    [{ allowedOrigins: ["https://a@b.example"] }, /^network\.allowedOrigins\[0\] .*user name/],
    [{ allowedOrigins: ["https://a.exa\tmple"] }, /^network\.allowedOrigins\[0\] .*white space/],
    [{ allowedOrigins: ["https://a.*.example"] }, /^network\.allowedOrigins\[0\] .*whole first label/],
    [{ allowedOrigins: ["https://*a.example"] }, /^network\.allowedOrigins\[0\] .*whole first label/],
    [{ allowedOrigins: ["https://*.*.example"] }, /^network\.allowedOrigins\[0\] .*whole first label/],
    [{ allowedOrigins: ["https://*.0.0.1"] }, /^network\.allowedOrigins\[0\] .*address/],
    [{ allowedOrigins: Array(1001).fill("https://a.example") }, /^network\.allowedOrigins must have at most 1000/],
    [{ deniedOrigins: [{}] }, /^network\.deniedOrigins\[0\] must be a text/],
    [rule({ method: ["GET"] }), /^network\.allowedOrigins\[0\]\.method is not known/],
    [rule({ methods: ["get"] }), /^network\.allowedOrigins\[0\]\.methods\[0\] .*upper case/],
    [rule({ paths: ["v1"] }), /^network\.allowedOrigins\[0\]\.paths\[0\] must begin/],
    [rule({ paths: ["/a/*/b"] }), /^network\.allowedOrigins\[0\]\.paths\[0\] must begin/],
    [rule({ paths: ["/a/../b"] }), /^network\.allowedOrigins\[0\]\.paths\[0\] must be spelt/],
    [rule({ maxRequests: -1 }), /^network\.allowedOrigins\[0\]\.maxRequests must be a whole/],
    [rule({ rate: { requests: 1 } }), /^network\.allowedOrigins\[0\]\.rate must have/],
    [rule({ rate: { requests: 1, perSeconds: 1e6 } }), /^network\.allowedOrigins\[0\]\.rate\.perSeconds must be/],
    [rule({ headers: { Host: "x" } }), /^network\.allowedOrigins\[0\]\.headers\.Host belongs to the connection/],
    [rule({ headers: { "a;b": "x" } }), /^network\.allowedOrigins\[0\]\.headers\.a;b is not the name/],
    [rule({ headers: { a: "x\r\ny: z" } }), /^network\.allowedOrigins\[0\]\.headers\.a cannot be sent/],
    [rule({ headers: { a: "x", A: "y" } }), /^network\.allowedOrigins\[0\]\.headers must name each header once/],
    [rule({ headers: { a: { secret: "no spaces" } } }), /^network\.allowedOrigins\[0\]\.headers\.a\.secret must be/],
    [rule({ headers: { a: { secret: "K", format: "x" } } }), /^network\.allowedOrigins\[0\]\.headers\.a\.format must/],
    [rule({ headers: { a: { secret: "K", value: "x" } } }), /^network\.allowedOrigins\[0\]\.headers\.a\.value is not/],
    [{ allowedOrigins: ["tcp://db.example"] }, /^network\.allowedOrigins\[0\] .*port/],
    [{ allowedOrigins: ["tcp://*"] }, /^network\.allowedOrigins\[0\] .*host and a port/],
    [{ allowedOrigins: ["tcp://u@db.example:1"] }, /^network\.allowedOrigins\[0\] .*user name/],
    [{ allowedOrigins: ["ws://a.example"] }, /^network\.allowedOrigins\[0\] .*must begin with https/],
    [
      { allowedOrigins: [{ origin: "tls://db.example:1", methods: ["GET"] }] },
      /^network\.allowedOrigins\[0\] .*raw connection/,
    ],
    [{ within: 1 }, /^network\.within must be an object/],
    [{ within: { allowedOrigins: ["*"] } }, /^network\.within\.allowedOrigins\[0\] .*allowAll/],
    [nested(20), /^network(\.within){16} is nested/],
    [rule({ maxResponseBytes: 0 }), /^network\.allowedOrigins\[0\]\.maxResponseBytes must be a whole/],
  ]
  for (const [input, expected] of cases) assert.match(refusal(input), expected)
})

test("parsePolicy lets nothing inherited loosen a policy", () => {
  const input = Object.create({ defaultPolicy: "allow", allowAll: true }) as object
  assert.deepEqual(parsePolicy(input), nothing)
})

test("parsePolicy lets a secret only go to known owners, and not in clear text", () => {
  const headers = { "X-Api-Key": { secret: "KEY" }, authorization: { secret: "TOKEN" }, "x-plain": "p", cookie: null }
  const policy = parsePolicy({ allowedOrigins: [{ origin: "https://*.example.com", headers }] })
  assert.deepEqual(policy.rules[0]?.headers, [
    { name: "x-api-key", kind: "secret", secret: "KEY", format: "{secret}" },
    { name: "authorization", kind: "secret", secret: "TOKEN", format: "Bearer {secret}" },
    { name: "x-plain", kind: "text", text: "p" },
    { name: "cookie", kind: "removed" },
  ])
  for (const origin of ["*", "https://*", "https://*.github.io", "https://*.com"]) {
    assert.match(refusal({ allowedOrigins: [{ origin, headers }], allowAll: true }), /send a secret to anybody/)
  }
  for (const origin of ["http://a.example", "http://*.example.com", "http://10.0.0.1"]) {
    assert.match(refusal({ allowedOrigins: [{ origin, headers }] }), /clear text/)
  }
  for (const origin of ["http://localhost:1", "http://127.0.0.1", "http://[::1]:8080"]) {
    assert.equal(refusal({ allowedOrigins: [{ origin, headers }] }), "accepted")
  }
})
