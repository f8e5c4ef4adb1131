import assert from "node:assert/strict"
import { test } from "node:test"
import { BodyBudget } from "./body-budget.ts"

test("BodyBudget leaves half of its bytes to others than one tenant, and lets a single large body be larger", () => {
  const budget = new BodyBudget(100)
  const refusedAt = (limit: number): object => ({ code: "worker.queue-full", details: { limit, retryAfterMs: 1_000 } })
  budget.take(40, "loud")
  assert.throws(() => budget.take(11, "loud"), refusedAt(50))
  budget.take(60, "quiet")
  assert.throws(() => budget.take(1, null), refusedAt(100))
  budget.giveBack(60, "quiet")
  budget.giveBack(40, "loud")
  budget.take(100, "loud")
})
