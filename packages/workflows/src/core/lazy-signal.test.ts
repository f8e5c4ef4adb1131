import assert from "node:assert/strict"
import { test } from "node:test"
import { LazySignal } from "./lazy-signal.ts"

test("LazySignal gives one signal, with the first reason, whether asked for before or after", () => {
  const before = new LazySignal()
  const { signal } = before
  assert.equal(signal.aborted, false)
  const after = new LazySignal()
  for (const lazy of [before, after]) {
    lazy.abort("TimeoutError", "first")
    lazy.abort("AbortError", "second")
    const { reason, aborted } = lazy.signal
    assert.deepEqual([aborted, reason.name, reason.message], [true, "TimeoutError", "first"])
    assert.equal(lazy.signal.reason, reason)
  }
  assert.equal(before.signal, signal)
})
