import assert from "node:assert/strict"
import { test } from "node:test"
import { AttemptBudget } from "./attempt-budget.ts"

test("a budget lets a minute's worth through at once, then as many as come back, and tells of a flood once", () => {
  const budget = new AttemptBudget(60, 0)
  for (let count = 0; count < 60; count++) assert.deepEqual(budget.take(0), { ok: true })
  assert.deepEqual(budget.take(0), { ok: false, retryAfterMs: 1_000, isFirst: true })
  assert.deepEqual(budget.take(500), { ok: false, retryAfterMs: 500, isFirst: false })
  assert.deepEqual(budget.take(1_000), { ok: true })
  assert.deepEqual(budget.take(1_000), { ok: false, retryAfterMs: 1_000, isFirst: false })
  assert.deepEqual(budget.take(1_000 + 60_000), { ok: true })
  for (let count = 0; count < 59; count++) budget.take(61_000)
  assert.deepEqual(budget.take(61_000), { ok: false, retryAfterMs: 1_000, isFirst: true })
})
