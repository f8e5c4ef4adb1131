import assert from "node:assert/strict"
import { test } from "node:test"
import { conform, createGuest } from "./isolate-harness.ts"

test("timers equal Node's", async () => {
  await using guest = await createGuest()
  const wait = (ms: number): string => `await new Promise((r) => setTimeout(r, ${ms}))`
  await conform(guest, {
    arguments: `return new Promise((r) => setTimeout((...a) => r(a), 1, 1, "b", null))`,
    order: `const seen = []; for (const ms of [20, 1, 0, NaN, -5, "10", undefined]) setTimeout(() => seen.push(String(ms)), ms); ${wait(40)}; return seen`,
    "too long is 1 ms": `return new Promise((r) => setTimeout(() => r("fired"), 2 ** 31))`,
    cleared: `const seen = []; clearTimeout(setTimeout(() => seen.push(1), 1)); clearImmediate(setImmediate(() => seen.push(2))); ${wait(10)}; return seen`,
    interval: `let n = 0; await new Promise((r) => { const id = setInterval(() => { if (++n === 3) { clearInterval(id); r() } }, 1) }); ${wait(10)}; return n`,
    nonsense: `for (const id of [undefined, null, {}, Symbol(), NaN, "x", -1, () => 1]) { clearTimeout(id); clearInterval(id); clearImmediate(id) } return 1`,
    "not a function": `return [() => setTimeout("alert(1)"), () => setInterval(), () => setImmediate({}), () => queueMicrotask(1)].map(attempt)`,
    microtasks: `const seen = []; queueMicrotask(() => seen.push(1)); Promise.resolve().then(() => seen.push(2)); queueMicrotask(() => seen.push(3)); await null; await null; return seen`,
    "microtask arguments": `return new Promise((r) => queueMicrotask((...a) => r(a.length)))`,
    names: `return [setTimeout.name, setInterval.name, setImmediate.name, clearTimeout.name, clearInterval.name, queueMicrotask.name]`,
  })
})

test("timers have numeric ids and take them as text", async () => {
  await using guest = await createGuest()
  const source = `const seen = []; const id = setTimeout(() => seen.push(1), 1); clearTimeout(String(id))
    await new Promise((r) => setTimeout(r, 10)); return [typeof id, id > 0, seen]`
  assert.deepEqual(await guest.evaluate(source), ["number", true, []])
})

test("timers, microtasks and reportError report what is thrown", async () => {
  await using guest = await createGuest()
  await guest.evaluate(`setTimeout(() => { throw new RangeError("timer") }, 1); queueMicrotask(() => { throw new Error("microtask") })
    let n = 0; const id = setInterval(() => { if (++n === 2) clearInterval(id); throw new Error("interval") }, 1)
    reportError(new Error("reported")); await new Promise((r) => setTimeout(r, 30))`)
  const expected = ["Error: interval", "Error: interval", "Error: microtask", "Error: reported", "RangeError: timer"]
  assert.deepEqual(guest.reports.toSorted(), expected)
  assert.equal(await guest.evaluate(`try { reportError() } catch (e) { return e.name }`), "TypeError")
})

test("timers are bounded together, and clearing gives room again", async () => {
  await using guest = await createGuest()
  const source = `const ids = []; let name
    try { for (let i = 0; i < 10_001; i++) ids.push(setTimeout(() => {}, 60_000)) } catch (e) { name = e.name }
    const full = [() => AbortSignal.timeout(1), () => setImmediate(() => {})].map((f) => { try { f() } catch (e) { return e.name } })
    for (const id of ids.slice(0, 5)) { clearTimeout(id); clearTimeout(id) }
    let more = 0; try { for (;;) { setTimeout(() => {}, 60_000); more++ } } catch {}
    return [ids.length, name, full, more]`
  assert.deepEqual(await guest.evaluate(source), [10_000, "RangeError", ["RangeError", "RangeError"], 5])
})

test("timers keep working when the guest breaks the collections they are built on", async () => {
  await using guest = await createGuest()
  await guest.evaluate(`globalThis.seen = []; globalThis.settled = new Promise((r) => { globalThis.settle = r })
    Promise.prototype.then = () => { throw 1 }; Array.prototype[Symbol.iterator] = null; Function.prototype.call = null
    queueMicrotask(() => setTimeout((word) => { seen[0] = word; settle() }, 1, "ran"))`)
  assert.deepEqual(await guest.evaluate(`await settled; return seen`), ["ran"])
})
