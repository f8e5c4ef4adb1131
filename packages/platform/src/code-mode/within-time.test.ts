import assert from "node:assert/strict"
import { test } from "node:test"
import { withinTime } from "./within-time.ts"

test("withinTime gives what the function gives", () => {
  assert.equal(
    withinTime(() => 5, 1_000),
    5,
  )
  const error = new RangeError("far")
  assert.throws(
    () =>
      withinTime(() => {
        throw error
      }, 1_000),
    (thrown) => thrown === error,
  )
})

test("withinTime stops loops and regular expressions", () => {
  const late = { code: "ERR_SCRIPT_EXECUTION_TIMEOUT" }
  assert.throws(
    () =>
      withinTime(() => {
        for (;;);
      }, 20),
    late,
  )
  assert.throws(() => withinTime(() => /^(a+)+$/.test(`${"a".repeat(50)}!`), 20), late)
})
