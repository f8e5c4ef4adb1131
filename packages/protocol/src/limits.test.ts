import assert from "node:assert/strict"
import { test } from "node:test"
import { defaultLimits, parseLimits } from "./limits.ts"
import { MayflyError } from "./mayfly-error.ts"

test("parseLimits fills in defaults", () => {
  assert.deepEqual(parseLimits(undefined), {
    cpuMs: 5_000,
    memoryMb: 128,
    wallMs: 30_000,
    subRequests: 50,
    outputBytes: 33_554_432,
    logBytes: 262_144,
    concurrentRequests: 6,
    bindingCalls: 100_000,
    bindingMs: 300_000,
  })
  assert.deepEqual(parseLimits({ cpuMs: null, memoryMb: 64 }), { ...defaultLimits, cpuMs: null, memoryMb: 64 })
  assert.deepEqual(parseLimits({ wallMs: undefined }, { ...defaultLimits, wallMs: 7 }).wallMs, 7)
})

test("parseLimits refuses what can't be meant", () => {
  const bad: unknown[] = [
    { cpuMs: -1 },
    { cpuMs: NaN },
    { cpuMs: "5" },
    { memoryMb: 1e9 },
    { memoryMb: null },
    { wallMs: Infinity },
  ]
  bad.push({ memory: 5 }, { subRequests: 1.5 }, { __proto__: null, toString: 1 }, [], "x", 5, null)
  for (const limits of bad) {
    assert.throws(
      () => parseLimits(limits),
      (error) => error instanceof MayflyError && error.code === "input.invalid" && error.message.startsWith("limits"),
      JSON.stringify(limits),
    )
  }
})
