import assert from "node:assert/strict"
import { test } from "node:test"
import { parsePolicy, type PolicyRule } from "./parse-policy.ts"
import { RuleUsage } from "./rule-usage.ts"

function ruleWith(limits: object): PolicyRule {
  const [rule] = parsePolicy({ allowedOrigins: [{ origin: "https://a.example", ...limits }] }).rules
  assert.ok(rule)
  return rule
}

test("RuleUsage counts requests per run", () => {
  const usage = new RuleUsage()
  const rule = ruleWith({ maxRequests: 2 })
  const take = (runId: string): boolean => usage.take([rule], { tenant: "t", runId, now: 0 }).ok
  assert.deepEqual([take("r"), take("r"), take("r"), take("other")], [true, true, false, true])
  // A rule that is made stricter meanwhile counts what was used under the old one.
  const stricter = ruleWith({ maxRequests: 1 })
  assert.equal(usage.take([stricter], { tenant: "t", runId: "r", now: 0 }).ok, false)
})

test("RuleUsage gives a tenant its rate, evenly after a burst", () => {
  const usage = new RuleUsage()
  const rule = ruleWith({ rate: { requests: 3, perSeconds: 3 } })
  const take = (now: number, tenant = "t"): unknown => {
    const taken = usage.take([rule], { tenant, runId: String(now), now })
    return taken.ok || (taken.reason === "rate" && taken.retryAfterMs)
  }
  assert.deepEqual([take(0), take(0), take(0), take(0), take(0, "other")], [true, true, true, 1000, true])
  assert.deepEqual([take(999), take(1000), take(1000)], [1, true, 1000])
  assert.deepEqual([take(9000), take(9000), take(9000), take(9000)], [true, true, true, 1000])
})

test("RuleUsage takes from all rules or from none", () => {
  const usage = new RuleUsage()
  const wide = ruleWith({ maxRequests: 2 })
  const narrow = ruleWith({ maxRequests: 1, methods: ["GET"] })
  const use = { tenant: "t", runId: "r", now: 0 }
  assert.equal(usage.take([wide, narrow], use).ok, true)
  assert.equal(usage.take([wide, narrow], use).ok, false)
  assert.equal(usage.take([wide], use).ok, true)
  assert.equal(usage.take([wide], use).ok, false)
})
