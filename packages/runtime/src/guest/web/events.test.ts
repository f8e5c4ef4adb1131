import assert from "node:assert/strict"
import { test } from "node:test"
import { conform, createGuest } from "./isolate-harness.ts"

test("Event equals Node's", async () => {
  await using guest = await createGuest()
  await conform(guest, {
    defaults: `const e = new Event("a"); return [e.type, e.target, e.currentTarget, e.srcElement, e.bubbles, e.cancelable,
      e.composed, e.defaultPrevented, e.returnValue, e.cancelBubble, e.eventPhase, e.isTrusted, e.composedPath(), String(e)]`,
    init: `const e = new Event("a", { bubbles: 1, cancelable: "x", composed: {} }); return [e.bubbles, e.cancelable, e.composed]`,
    prevented: `const e = new Event("a", { cancelable: true }); e.preventDefault(); return [e.defaultPrevented, e.returnValue]`,
    "not cancelable": `const e = new Event("a"); e.preventDefault(); e.returnValue = false; return e.defaultPrevented`,
    "cancelBubble stays": `const e = new Event("a"); e.cancelBubble = true; e.cancelBubble = false; return e.cancelBubble`,
    "bad arguments": `return [() => new Event(), () => new Event("a", 1), () => new Event(Symbol()), () => Event("a")].map(attempt)`,
    null: `return new Event("a", null).type`,
    "converted type": `return [new Event(5).type, new Event(undefined).type, new Event(null).type]`,
    constants: `return [Event.NONE, Event.AT_TARGET, Event.BUBBLING_PHASE, Event.CAPTURING_PHASE]`,
    custom: `const e = new CustomEvent("a", { detail: { b: 1 }, bubbles: true }); return [e.detail, e.bubbles, e.type, String(e)]`,
    "custom without detail": `return [new CustomEvent("a").detail, CustomEvent.name, Event.name]`,
    close: `const e = new CloseEvent("c", { code: 1000, wasClean: true }); return [e.code, e.wasClean, e.reason, e instanceof Event]`,
    message: `const e = new MessageEvent("m", { data: [1], origin: "o" }); return [e.data, e.origin, e.lastEventId, e.source, e.ports]`,
    "derived without type": `return [() => new CustomEvent(), () => new CloseEvent()].map((f) => attempt(f).threw)`,
    "foreign receiver": `return attempt(() => Object.getOwnPropertyDescriptor(Event.prototype, "type").get.call({})).threw`,
  })
})

test("EventTarget equals Node's", async () => {
  await using guest = await createGuest()
  const setup = `const t = new EventTarget(), seen = [], on = (n) => () => { seen.push(n) };`
  await conform(guest, {
    order: `${setup} t.addEventListener("a", on(1)); t.addEventListener("a", on(2)); t.dispatchEvent(new Event("a")); return seen`,
    "the same listener once": `${setup} const f = on(1); t.addEventListener("a", f); t.addEventListener("a", f); t.dispatchEvent(new Event("a")); return seen`,
    "capture makes it another": `${setup} const f = on(1); t.addEventListener("a", f); t.addEventListener("a", f, true); t.dispatchEvent(new Event("a")); return seen`,
    once: `${setup} t.addEventListener("a", on(1), { once: true }); t.dispatchEvent(new Event("a")); t.dispatchEvent(new Event("a")); return seen`,
    "once dispatched from itself": `${setup} t.addEventListener("a", () => { seen.push(1); if (seen.length < 5) t.dispatchEvent(new Event("a")) }, { once: true }); t.dispatchEvent(new Event("a")); return seen`,
    handleEvent: `${setup} const o = { handleEvent(e) { seen.push(this === o, e.type) } }; t.addEventListener("a", o); t.dispatchEvent(new Event("a")); return seen`,
    "handleEvent is read late": `${setup} const o = {}; t.addEventListener("a", o); o.handleEvent = on(1); t.dispatchEvent(new Event("a")); return seen`,
    "this and phases": `${setup} t.addEventListener("a", function (e) { seen.push(this === t, e.target === t, e.currentTarget === t, e.eventPhase, e.composedPath().length) }); const e = new Event("a"); t.dispatchEvent(e); return [seen, e.target === t, e.currentTarget, e.eventPhase]`,
    stopImmediate: `${setup} t.addEventListener("a", (e) => { seen.push(1); e.stopImmediatePropagation() }); t.addEventListener("a", on(2)); t.dispatchEvent(new Event("a")); return seen`,
    removed: `${setup} const f = on(2); t.addEventListener("a", () => t.removeEventListener("a", f)); t.addEventListener("a", f); t.dispatchEvent(new Event("a")); return seen`,
    "removed with the other capture": `${setup} const f = on(1); t.addEventListener("a", f, true); t.removeEventListener("a", f); t.dispatchEvent(new Event("a")); t.removeEventListener("a", f, { capture: true }); t.dispatchEvent(new Event("a")); return seen`,
    result: `${setup} t.addEventListener("a", (e) => e.preventDefault()); return [t.dispatchEvent(new Event("a")), t.dispatchEvent(new Event("a", { cancelable: true }))]`,
    passive: `${setup} t.addEventListener("a", (e) => e.preventDefault(), { passive: true }); return t.dispatchEvent(new Event("a", { cancelable: true }))`,
    signal: `${setup} const c = new AbortController(); t.addEventListener("a", on(1), { signal: c.signal }); t.dispatchEvent(new Event("a")); c.abort(); t.dispatchEvent(new Event("a")); return seen`,
    "aborted signal": `${setup} t.addEventListener("a", on(1), { signal: AbortSignal.abort() }); t.dispatchEvent(new Event("a")); return seen`,
    "signal aborted during dispatch": `${setup} const c = new AbortController(); t.addEventListener("a", () => c.abort()); t.addEventListener("a", on(2), { signal: c.signal }); t.dispatchEvent(new Event("a")); return seen`,
    null: `${setup} t.addEventListener("a", null); t.removeEventListener("a", null); return t.dispatchEvent(new Event("a"))`,
    subclass: `class X extends EventTarget {}; const x = new X(); let n = 0; x.addEventListener("a", () => n++); x.dispatchEvent(new CustomEvent("a")); return n`,
    "bad arguments": `${setup} return [() => t.dispatchEvent({}), () => t.addEventListener("a", "b"), () => t.addEventListener("a"), () => t.addEventListener("a", () => {}, { signal: null }), () => t.addEventListener("a", () => {}, { signal: {} })].map(attempt)`,
  })
})

test("EventTarget runs capturing listeners first, as the standard says and Node does not", async () => {
  await using guest = await createGuest()
  const source = `const t = new EventTarget(), seen = []
    t.addEventListener("a", () => seen.push("bubble")); t.addEventListener("a", () => seen.push("capture"), true)
    t.addEventListener("b", (e) => e.stopPropagation(), true); t.addEventListener("b", () => seen.push("never"))
    t.dispatchEvent(new Event("a")); t.dispatchEvent(new Event("b")); return seen`
  assert.deepEqual(await guest.evaluate(source), ["capture", "bubble"])
})

test("EventTarget reports what listeners throw and goes on", async () => {
  await using guest = await createGuest()
  const source = `const t = new EventTarget(), seen = []
    t.addEventListener("a", () => { throw new TypeError("first") }); t.addEventListener("a", () => seen.push(2))
    t.addEventListener("a", {}); t.addEventListener("a", () => { throw new Proxy({}, { get() { throw 1 } }) })
    seen.push(t.dispatchEvent(new Event("a"))); return seen`
  assert.deepEqual(await guest.evaluate(source), [2, true])
  assert.deepEqual([guest.reports.length, guest.reports[0], guest.reports[2]], [3, "TypeError: first", "[unprintable]"])
  assert.match(guest.reports[1] ?? "", /^TypeError: .*handleEvent is not a function$/)
})

test("EventTarget refuses an event that is being dispatched", async () => {
  await using guest = await createGuest()
  const source = `const t = new EventTarget(); let name
    t.addEventListener("a", (e) => { try { t.dispatchEvent(e) } catch (error) { name = error.name } })
    t.dispatchEvent(new Event("a")); return name`
  assert.equal(await guest.evaluate(source), "InvalidStateError")
})
