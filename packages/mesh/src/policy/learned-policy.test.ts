import assert from "node:assert/strict"
import { test } from "node:test"
import { expectPolicy } from "./expect-policy.ts"
import { beyondPolicy, learnedPolicy, type SeenRequest } from "./learned-policy.ts"

function saw(method: string, origin: string, path: string, decision: SeenRequest["decision"] = "allow"): SeenRequest {
  return { method, origin, path, decision }
}

const api = "https://api.example.com"

test("learnedPolicy names the origins, methods and paths that were used, and nothing that was denied", () => {
  const policy = learnedPolicy([
    saw("POST", api, "/v1/orders"),
    saw("GET", api, "/v1/items"),
    saw("GET", api, "/v1/items"),
    saw("GET", "https://evil.example", "/", "deny"),
    saw("CONNECT", "tcp://db.example.com:5432", ""),
  ])
  assert.deepEqual(policy, {
    defaultPolicy: "deny",
    allowedOrigins: [
      { origin: api, methods: ["GET", "POST"], paths: ["/v1/items", "/v1/orders"] },
      "tcp://db.example.com:5432",
    ],
  })
  expectPolicy(policy).toAllow(`${api}/v1/items`)
  expectPolicy(policy).toDeny(`${api}/v2/items`)
  assert.deepEqual(learnedPolicy([]), { defaultPolicy: "deny" })
})

test("learnedPolicy makes many paths their common folder", () => {
  const rows = Array.from({ length: 6 }, (_, at) => saw("GET", api, `/v1/items/${at * 7}`))
  assert.deepEqual(learnedPolicy(rows).allowedOrigins, [{ origin: api, methods: ["GET"], paths: ["/v1/items/*"] }])
  const apart = [...rows, saw("GET", api, "/other")]
  assert.deepEqual(learnedPolicy(apart).allowedOrigins, [{ origin: api, methods: ["GET"], paths: ["/*"] }])
})

test("beyondPolicy gives each request that a policy does not allow, once", () => {
  const policy = learnedPolicy([saw("GET", api, "/v1/items")])
  const more = [
    saw("DELETE", api, "/v1/items"),
    saw("GET", "https://new.example", "/"),
    saw("CONNECT", "tcp://db.example.com:1", ""),
  ]
  assert.deepEqual(beyondPolicy(policy, [saw("GET", api, "/v1/items"), ...more, ...more]), more)
})
