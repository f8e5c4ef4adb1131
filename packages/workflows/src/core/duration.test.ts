import assert from "node:assert/strict"
import { test } from "node:test"
import { maxDurationMs, parseDuration } from "./duration.ts"
import { defaultRetries, retryDelay } from "./retry.ts"

test("parseDuration reads what Cloudflare reads", () => {
  const wanted: [unknown, number | undefined][] = [
    [0, 0],
    [1_500, 1_500],
    ["1 second", 1_000],
    ["10 seconds", 10_000],
    ["1.5 minutes", 90_000],
    ["2hours", 7_200_000],
    [" 1 Day ", 86_400_000],
    ["1 week", 604_800_000],
    ["1 month", 2_592_000_000],
    ["1 year", maxDurationMs],
    ["366 days", undefined],
    [-1, undefined],
    [Number.NaN, undefined],
    [Infinity, undefined],
    ["-1 second", undefined],
    ["1 fortnight", undefined],
    ["", undefined],
    ["1", undefined],
    ["second", undefined],
    [`${"9".repeat(400)} seconds`, undefined],
    [{}, undefined],
    [undefined, undefined],
  ]
  assert.deepEqual(
    wanted.map(([value]) => parseDuration(value)),
    wanted.map(([, ms]) => ms),
  )
})

test("retryDelay follows Cloudflare's formulas up to its bound", () => {
  const delays = (backoff: "constant" | "linear" | "exponential", maxDelayMs = defaultRetries.maxDelayMs): number[] =>
    [1, 2, 3, 4].map((attempt) => retryDelay({ limit: 5, delayMs: 100, backoff, maxDelayMs }, attempt))
  assert.deepEqual(delays("constant"), [100, 100, 100, 100])
  assert.deepEqual(delays("linear"), [100, 200, 300, 400])
  assert.deepEqual(delays("exponential"), [100, 200, 400, 800])
  assert.deepEqual(delays("exponential", 250), [100, 200, 250, 250])
})
