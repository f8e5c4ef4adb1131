import assert from "node:assert/strict"
import { test } from "node:test"
import { exitOf, fileInfoOf, resultOf } from "./agent-answer.ts"

const crashed = { code: "sandbox.crashed" }

test("resultOf gives results, and errors with their code", () => {
  assert.equal(resultOf({ ok: null }), null)
  assert.throws(() => resultOf({ error: { code: "ENOSPC", message: "full" } }), { code: "sandbox.disk-full" })
  assert.throws(() => resultOf({ error: { code: "EBUSY", message: "x".repeat(9_000) } }), { code: "sandbox.file" })
  const senseless = [
    {},
    { error: null },
    { error: { code: 7, message: "x" } },
    { error: { code: "__proto__", message: "x" } },
    { error: { code: "E X", message: "" } },
  ]
  for (const message of senseless) assert.throws(() => resultOf(message), crashed)
})

test("exitOf takes exits alone", () => {
  assert.deepEqual(exitOf({ code: 3, signal: null, isTimedOut: false }), { code: 3, signal: null, isTimedOut: false })
  for (const exit of [
    null,
    [],
    { code: -1, signal: null },
    { code: 1.5, signal: null },
    { code: 256, signal: null },
    { code: "0", signal: null },
  ])
    assert.throws(() => exitOf(exit), crashed)
  for (const signal of ["KILL", 9, "SIG\nKILL", {}]) assert.throws(() => exitOf({ code: null, signal }), crashed)
  assert.throws(() => exitOf({ code: 0, signal: null, cwd: "x".repeat(10_000) }), crashed)
})

test("fileInfoOf takes files alone", () => {
  const file = { path: "/a", type: "file", size: 1, mode: 0o100644, modifiedAt: -5 }
  assert.deepEqual(fileInfoOf(file), { path: "/a", type: "file", size: 1, mode: 0o644, modifiedAt: 0 })
  for (const more of [
    { path: 1 },
    { type: "socket" },
    { size: "1" },
    { size: Number.NaN },
    { mode: 2 ** 60 },
    { modifiedAt: null },
  ])
    assert.throws(() => fileInfoOf({ ...file, ...more }), crashed)
})
