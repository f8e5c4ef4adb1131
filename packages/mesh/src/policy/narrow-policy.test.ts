import assert from "node:assert/strict"
import { test } from "node:test"
import type { NetworkPolicy } from "@mayfly/protocol"
import { canonicalTarget } from "./canonical-target.ts"
import { decide } from "./decide.ts"
import { narrowPolicy } from "./narrow-policy.ts"
import { parsePolicy } from "./parse-policy.ts"
import { seededRandom, seed } from "./seeded-random.ts"

test("narrowPolicy keeps what an update does not name", () => {
  const base: NetworkPolicy = {
    defaultPolicy: "allow",
    allowedOrigins: ["https://a.example"],
    deniedOrigins: ["https://x.example"],
  }
  assert.deepEqual(narrowPolicy(base, {}), base)
  assert.deepEqual(narrowPolicy(base, { deniedOrigins: ["https://b.example"] }), {
    ...base,
    deniedOrigins: ["https://b.example", "https://x.example"],
  })
  assert.deepEqual(narrowPolicy(base, { defaultPolicy: "ask" }), { ...base, defaultPolicy: "ask" })
  assert.deepEqual(narrowPolicy({ defaultPolicy: "deny" }, { defaultPolicy: "allow" }), { defaultPolicy: "deny" })
  assert.deepEqual(narrowPolicy(base, { allowedOrigins: ["https://c.example"] }), {
    defaultPolicy: "deny",
    allowedOrigins: ["https://c.example"],
    within: base,
  })
})

test("narrowPolicy refuses updates that could add a credential or are no updates", () => {
  const rule = { origin: "https://a.example", headers: { authorization: { secret: "K" } } }
  for (const update of [{ allowedOrigins: [rule] }, { within: {} }, { allowedOrigins: ["*"] }]) {
    assert.throws(() => narrowPolicy({}, update), { code: "input.invalid", message: /^update\./ })
  }
})

test(`narrowPolicy never widens, whatever the update says (seed ${seed})`, () => {
  const random = seededRandom(seed)
  const pick = <T>(items: readonly [T, ...T[]]): T => items[Math.floor(random() * items.length)] ?? items[0]
  const host = (): string => pick(["a.example.com", "b.example.com", "x.b.example.com", "c.example.org"])
  const origin = (): string => pick([`https://${host()}`, "https://*.example.com", "https://*.b.example.com", "*"])
  const rule = (): string | { origin: string; methods?: string[]; paths?: string[] } =>
    pick<string | { origin: string; methods?: string[]; paths?: string[] }>([
      origin(),
      { origin: origin(), methods: ["GET"] },
      { origin: origin(), paths: ["/v1/*"] },
    ])
  const policy = (): NetworkPolicy => ({
    allowAll: true,
    ...(random() < 0.6 ? { defaultPolicy: pick(["allow", "deny", "ask"] as const) } : {}),
    ...(random() < 0.7 ? { allowedOrigins: [rule(), rule()] } : {}),
    ...(random() < 0.4 ? { deniedOrigins: [origin()] } : {}),
  })
  const allows = (given: NetworkPolicy, url: string, method: string): boolean => {
    const parsed = canonicalTarget(url)
    assert.ok(parsed.ok)
    return decide(parsePolicy(given), { method, target: parsed.target }).allow
  }
  for (let round = 0; round < 2000; round++) {
    const base = policy()
    const update = policy()
    const further = policy()
    const narrowed = narrowPolicy(narrowPolicy(base, update), further)
    const url = `https://${host()}${pick(["/v1/x", "/v2"])}`
    const method = pick(["GET", "POST"])
    if (!allows(narrowed, url, method)) continue
    const seen = JSON.stringify({ round, base, update, further, url, method })
    assert.ok(allows(base, url, method), seen)
    for (const step of [update, further]) {
      if (step.allowedOrigins !== undefined) assert.ok(allows(step, url, method), seen)
    }
  }
})
