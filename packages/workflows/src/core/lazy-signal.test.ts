import assert from "node:assert/strict"
import { test } from "node:test"
import { LazySignal } from "./lazy-signal.ts"

test("LazySignal gives one signal, with the first reason, whether asked for before or after", () => {
  const [first, second] = [new DOMException("first"), new DOMException("second")]
  const before = new LazySignal()
  const { signal } = before
  assert.equal(signal.aborted, false)
  before.abort(first)
  before.abort(second)
  assert.equal(before.signal, signal)
  assert.equal(signal.reason, first)
  const after = new LazySignal()
  after.abort(first)
  after.abort(second)
  assert.deepEqual([after.signal.aborted, after.signal.reason], [true, first])
})
