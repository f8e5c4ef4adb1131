import assert from "node:assert/strict"
import { test } from "node:test"
import { runTsc } from "./run-tsc.ts"

test("runTsc tells clean sources from others", async () => {
  assert.deepEqual(await runTsc({ "a.ts": "const a: number = 1" }, { timeoutMs: 10_000 }), {
    kind: "checked",
    output: "",
    isClean: true,
  })
  const output = "a.ts(1,7): error TS2322: Type 'string' is not assignable to type 'number'.\n"
  assert.deepEqual(await runTsc({ "a.ts": `const a: number = ""` }, { timeoutMs: 10_000 }), {
    kind: "checked",
    output,
    isClean: false,
  })
})

test("runTsc stops at its limits of time, output and memory", async () => {
  const limits = { timeoutMs: 30_000 }
  assert.deepEqual(await runTsc({ "a.ts": "1" }, { timeoutMs: 1 }), { kind: "too-long" })
  const errors = Array.from({ length: 30_000 }, (_, index) => `missing${index}()`).join("\n")
  assert.deepEqual(await runTsc({ "a.ts": errors }, limits), { kind: "too-much-output" })
  assert.deepEqual(await runTsc({ "a.ts": "[".repeat(3_000_000) }, limits), { kind: "died" })
})

test("runTsc rejects with the reason of its signal", async () => {
  const reason = new Error("enough")
  await assert.rejects(
    runTsc({ "a.ts": "1" }, { timeoutMs: 10_000, signal: AbortSignal.abort(reason) }),
    (error) => error === reason,
  )
  const abort = new AbortController()
  const running = runTsc({ "a.ts": "[".repeat(3_000_000) }, { timeoutMs: 30_000, signal: abort.signal })
  setImmediate(() => abort.abort(reason))
  await assert.rejects(running, (error) => error === reason)
})
