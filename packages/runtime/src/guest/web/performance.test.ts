import assert from "node:assert/strict"
import { test } from "node:test"
import { conform, createGuest } from "./isolate-harness.ts"

test("performance equals Node's where time does not matter", async () => {
  await using guest = await createGuest()
  const pick = `const pick = ({ name, entryType, duration, detail, startTime }) => ({ name, entryType, duration, detail, startTime });`
  await conform(guest, {
    mark: `${pick} return pick(performance.mark("a", { startTime: 5, detail: { x: 1 } }))`,
    measure: `${pick} performance.mark("m1", { startTime: 5 }); performance.mark("m2", { startTime: 9 }); return [pick(performance.measure("b", "m1", "m2")), pick(performance.measure("c", { start: 1, end: 3, detail: 2 })), pick(performance.measure("d", { start: 1, duration: 3 })), pick(performance.measure("e", { end: 7, duration: 3 }))]`,
    "unknown mark": `return attempt(() => performance.measure("b", "nope"))`,
    entries: `performance.clearMarks(); performance.clearMeasures(); performance.mark("z", { startTime: 2 }); performance.mark("y", { startTime: 1 }); const names = () => performance.getEntries().filter((e) => e.entryType === "mark").map((e) => e.name); const before = names(); const named = performance.getEntriesByName("z").length; performance.clearMarks("z"); return [before, named, names(), performance.getEntriesByType("measure").length]`,
    illegal: `return [attempt(() => new Performance()), Performance.name, String(performance), attempt(() => performance.mark())]`,
  })
})

test("performance.now has whole milliseconds, goes on, and fits timeOrigin", async () => {
  await using guest = await createGuest()
  const source = `const first = performance.now(); await new Promise((r) => setTimeout(r, 20)); const second = performance.now()
    return [first, Number.isInteger(second), second - first >= 19, Math.abs(performance.timeOrigin + performance.now() - Date.now()) < 5, performance.toJSON().timeOrigin === performance.timeOrigin]`
  assert.deepEqual(await guest.evaluate(source), [0, true, true, true, true])
})

test("performance keeps at most 10,000 entries", async () => {
  await using guest = await createGuest()
  const source = `for (let i = 0; i < 10_005; i++) performance.mark("m" + i); return [performance.getEntries().length, performance.getEntries()[0].name]`
  assert.deepEqual(await guest.evaluate(source), [10_000, "m5"])
})

test("navigator says the same everywhere", async () => {
  await using guest = await createGuest()
  const source = `return [navigator.userAgent, navigator.hardwareConcurrency, navigator.language, String(navigator), self === globalThis]`
  assert.deepEqual(await guest.evaluate(source), ["Mayfly", 1, "en-US", "[object Navigator]", true])
})
