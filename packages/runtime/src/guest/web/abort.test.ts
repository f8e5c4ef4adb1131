import assert from "node:assert/strict"
import { test } from "node:test"
import { conform, createGuest } from "./isolate-harness.ts"

test("AbortController and AbortSignal equal Node's", async () => {
  await using guest = await createGuest()
  await conform(guest, {
    fresh: `const { signal } = new AbortController(); return [signal.aborted, signal.reason, signal.onabort, signal.throwIfAborted(), String(signal)]`,
    abort: `const c = new AbortController(); c.abort(); const { signal: s } = c; return [s.aborted, s.reason.name, s.reason.message, s.reason.code, attempt(() => s.throwIfAborted())]`,
    "same signal": `const c = new AbortController(); return c.signal === c.signal`,
    "own reason": `const c = new AbortController(); c.abort(0); c.abort(1); return c.signal.reason`,
    "null is a reason": `return AbortSignal.abort(null).reason`,
    event: `const c = new AbortController(), seen = []; c.signal.addEventListener("abort", (e) => seen.push(e.type, e.isTrusted, e.target === c.signal)); c.abort(); c.abort(); return seen`,
    onabort: `const c = new AbortController(), seen = []; c.signal.onabort = () => seen.push(1); c.signal.onabort = function () { seen.push(this === c.signal) }; c.abort(); return seen`,
    "onabort null": `const c = new AbortController(), seen = []; c.signal.onabort = () => seen.push(1); c.signal.onabort = null; c.abort(); return [seen, c.signal.onabort]`,
    timeout: `const s = AbortSignal.timeout(5); const before = s.aborted; const timer = setTimeout(() => {}, 1000); await new Promise((r) => s.addEventListener("abort", r)); clearTimeout(timer); return [before, s.aborted, s.reason.name, s.reason.message, s.reason.code]`,
    "timeout arguments": `return [() => AbortSignal.timeout(-1), () => AbortSignal.timeout("a"), () => AbortSignal.timeout(NaN), () => AbortSignal.timeout(2 ** 32), () => AbortSignal.timeout(1.5)].map(attempt)`,
    "any of aborted": `const s = AbortSignal.any([new AbortController().signal, AbortSignal.abort("x"), AbortSignal.abort("y")]); return [s.aborted, s.reason]`,
    "any of none": `return AbortSignal.any([]).aborted`,
    "any of any": `const a = new AbortController(), s = AbortSignal.any([AbortSignal.any([a.signal]), a.signal]), seen = []; s.onabort = () => seen.push(s.reason); a.abort(7); return seen`,
    "any takes iterables": `return AbortSignal.any(new Set([AbortSignal.abort(1)])).reason`,
    "followers are aborted before listeners run": `const a = new AbortController(), s = AbortSignal.any([a.signal]), seen = []; a.signal.addEventListener("abort", () => seen.push(s.aborted)); s.addEventListener("abort", () => seen.push("s")); a.abort(); return seen`,
    "any arguments": `return [() => AbortSignal.any([1]), () => AbortSignal.any(), () => AbortSignal.any(5)].map(attempt)`,
    illegal: `return [() => new AbortSignal(), () => AbortSignal(), () => Object.getOwnPropertyDescriptor(AbortSignal.prototype, "aborted").get.call({})].map((f) => attempt(f).threw)`,
    names: `return [AbortSignal.name, AbortController.name, String(new AbortController())]`,
  })
})

test("AbortSignal.any keeps the first reason, which Node 24 does not", async () => {
  await using guest = await createGuest()
  const source = `const a = new AbortController(), b = new AbortController(), s = AbortSignal.any([a.signal, b.signal])
    b.abort("why"); a.abort("late"); return [s.aborted, s.reason]`
  assert.deepEqual(await guest.evaluate(source), [true, "why"])
})

test("AbortSignal.any does not leak its results into a signal that lives long", async () => {
  await using guest = await createGuest({ memoryLimitMb: 32 })
  const source = `const { signal } = new AbortController()
    for (let i = 0; i < 300; i++) {
      for (let k = 0; k < 100; k++) AbortSignal.any([signal]).big = new Array(500).fill(i)
      await new Promise((r) => setImmediate(r))
    }
    return "alive"`
  assert.equal(await guest.evaluate(source), "alive")
})

test("AbortSignal.any keeps a result that has a listener and nothing else", async () => {
  await using guest = await createGuest({ memoryLimitMb: 32 })
  const source = `const a = new AbortController(); let heard = 0
    ;(() => { AbortSignal.any([a.signal]).addEventListener("abort", () => heard++) })()
    ;(() => { const t = new EventTarget(); t.addEventListener("x", () => {}, { signal: AbortSignal.any([a.signal]) }) })()
    for (let i = 0; i < 400; i++) { new Array(10000).fill(i); await new Promise((r) => setImmediate(r)) }
    a.abort(); return heard`
  assert.equal(await guest.evaluate(source), 1)
})

test("AbortSignal hands out no way to abort it", async () => {
  await using guest = await createGuest()
  const source = `const { signal } = new AbortController()
    return [Reflect.ownKeys(signal), Reflect.ownKeys(AbortSignal).filter((k) => typeof AbortSignal[k] === "function")]`
  assert.deepEqual(await guest.evaluate(source), [[], ["abort", "timeout", "any"]])
})
