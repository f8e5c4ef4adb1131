import assert from "node:assert/strict"
import { test } from "node:test"
import { conform, createGuest } from "./isolate-harness.ts"

const header = "0, 0x61, 0x73, 0x6d, 1, 0, 0, 0"
/** (module (func (export "f") (result i32) i32.const 42)) */
const answer = `const answer = Uint8Array.of(${header}, 1, 5, 1, 0x60, 0, 1, 0x7f, 3, 2, 1, 0, 7, 5, 1, 1, 0x66, 0, 0, 10, 6, 1, 4, 0, 0x41, 42, 0x0b);`
/** (module (memory (export "m") 1 1 shared)) */
const sharing = `const sharing = Uint8Array.of(${header}, 5, 4, 1, 3, 1, 1, 7, 5, 1, 1, 0x6d, 2, 0);`

test("ArrayBuffer looks as before", async () => {
  await using guest = await createGuest()
  await conform(guest, {
    parts: `const b = new ArrayBuffer(4); return [b.byteLength, b instanceof ArrayBuffer, b.constructor === ArrayBuffer, ArrayBuffer.name, ArrayBuffer.length, ArrayBuffer.isView(new DataView(b)), String(b), ArrayBuffer[Symbol.species] === ArrayBuffer]`,
    "without new": `return attempt(() => ArrayBuffer(1)).threw`,
    subclass: `class X extends ArrayBuffer { get twice() { return this.byteLength * 2 } }; const x = new X(3); return [x.twice, x instanceof X, x instanceof ArrayBuffer, x.slice(1) instanceof X, new Uint8Array(x).length]`,
    lengths: `return [undefined, null, "3", 2.9, -1, NaN, 2 ** 60].map((n) => attempt(() => new ArrayBuffer(n).byteLength))`,
    descriptors: `return [Object.getOwnPropertyDescriptor(ArrayBuffer, "prototype"), Object.keys(ArrayBuffer), typeof Object.getOwnPropertyDescriptor(globalThis, "ArrayBuffer").value]`,
    slice: `const b = Uint8Array.of(1, 2, 3).buffer; return [b.slice(1).byteLength, b.slice(1).constructor === ArrayBuffer, b.transfer(1).byteLength]`,
  })
})

test("ArrayBuffer cannot be made resizable by any constructor that is reachable", async () => {
  await using guest = await createGuest()
  const source = `const found = [ArrayBuffer, ArrayBuffer.prototype.constructor, new Uint8Array(1).buffer.constructor, new ArrayBuffer(1).slice(0).constructor,
      new ArrayBuffer(1).transfer().constructor, new WebAssembly.Memory({ initial: 1 }).buffer.constructor, ArrayBuffer[Symbol.species]]
    class Own extends ArrayBuffer {}
    return [...found, Own].map((C) => { const b = new C(8, { maxByteLength: 1e9 }); try { b.resize(1e6) } catch (e) { return [b.resizable, e.name] } })`
  assert.deepEqual(
    await guest.evaluate(source),
    Array.from({ length: 8 }, () => [false, "TypeError"]),
  )
})

test("SharedArrayBuffer, Atomics.waitAsync and stack switching are gone", async () => {
  await using guest = await createGuest()
  const source = `return [typeof SharedArrayBuffer, "waitAsync" in Atomics, typeof WebAssembly.promising, typeof WebAssembly.Suspending]`
  assert.deepEqual(await guest.evaluate(source), ["undefined", false, "undefined", "undefined"])
})

test("WebAssembly equals Node's", async () => {
  await using guest = await createGuest()
  await conform(guest, {
    "instantiate bytes": `${answer} const { module, instance } = await WebAssembly.instantiate(answer); return [instance.exports.f(), module instanceof WebAssembly.Module]`,
    "instantiate a module": `${answer} const module = await WebAssembly.compile(answer.buffer); const instance = await WebAssembly.instantiate(module, {}); return [instance instanceof WebAssembly.Instance, instance.exports.f()]`,
    "not wasm": `return [await WebAssembly.compile(new Uint8Array(4)).catch((e) => e.name), await WebAssembly.instantiate(new Uint8Array(4)).catch((e) => e.name), await WebAssembly.instantiate(5).catch((e) => e.name), await WebAssembly.compile().catch((e) => e.name)]`,
    memory: `const m = new WebAssembly.Memory({ initial: 1, maximum: 3 }); const before = m.buffer.byteLength; return [before, m.grow(1), m.buffer.byteLength, m instanceof WebAssembly.Memory, m.constructor === WebAssembly.Memory, WebAssembly.Memory.name, String(m)]`,
    "memory arguments": `return [() => new WebAssembly.Memory(), () => new WebAssembly.Memory({}), () => WebAssembly.Memory({ initial: 1 }), () => new WebAssembly.Memory({ initial: 2, maximum: 1 })].map((f) => attempt(f).threw)`,
    "memory subclass": `class M extends WebAssembly.Memory {}; const m = new M({ initial: 1 }); return [m instanceof M, m.buffer.byteLength]`,
    "enumerable keys": `return Object.keys(WebAssembly).filter((name) => name !== "promising")`,
  })
})

test("WebAssembly streaming takes what can be read as bytes", async () => {
  await using guest = await createGuest()
  const source = `${answer} const response = { ok: true, arrayBuffer: async () => answer.buffer }
    const { instance } = await WebAssembly.instantiateStreaming(Promise.resolve(response))
    const module = await WebAssembly.compileStreaming(response)
    const bad = await Promise.all([5, null, {}, { ok: false, arrayBuffer: response.arrayBuffer }].map((v) => WebAssembly.compileStreaming(v).catch((e) => e.name)))
    return [instance.exports.f(), module instanceof WebAssembly.Module, bad]`
  const expected = [42, true, ["TypeError", "TypeError", "TypeError", "TypeError"]]
  assert.deepEqual(await guest.evaluate(source), expected)
})

test("WebAssembly shares no memory, whatever the descriptor or the module says", async () => {
  await using guest = await createGuest()
  const source = `${sharing} const attempt = (f) => { try { return String(f()) } catch (e) { return e.name } }
    let asked = 0
    const changing = { initial: 1, maximum: 1, get shared() { return asked++ > 0 } }
    const memory = new WebAssembly.Memory(changing)
    const { exports } = new WebAssembly.Instance(new WebAssembly.Module(sharing))
    return [attempt(() => new WebAssembly.Memory({ initial: 1, maximum: 1, shared: true })), String(memory.buffer), attempt(() => exports.m.buffer)]`
  assert.deepEqual(await guest.evaluate(source), ["TypeError", "[object ArrayBuffer]", "TypeError"])
})

test("WebAssembly stays disarmed for a guest that defines the global itself first", async () => {
  await using guest = await createGuest()
  const source = `const { get, set } = Object.getOwnPropertyDescriptor(globalThis, "WebAssembly")
    set(5); return [globalThis.WebAssembly, get().promising === undefined, String(get().compile).includes("native")]`
  assert.deepEqual(await guest.evaluate(source), [5, true, false])
})

test("FinalizationRegistry has its shape and never calls back", async () => {
  await using guest = await createGuest({ memoryLimitMb: 32 })
  await conform(guest, {
    shape: `const r = new FinalizationRegistry(() => {}), token = {}; r.register({}, 1, token); return [r.unregister(token), r.unregister(token), String(r), FinalizationRegistry.name, FinalizationRegistry.length]`,
    arguments: `const r = new FinalizationRegistry(() => {}), o = {}; return [() => new FinalizationRegistry(), () => FinalizationRegistry(() => {}), () => r.register(1), () => r.register(o, o), () => r.register(o, 1, 1), () => r.unregister(1), () => r.register(Symbol.for("a")), () => r.register(Symbol("a"))].map((f) => attempt(f)?.threw)`,
  })
  const source = `let called = 0; const r = new FinalizationRegistry(() => { called++ })
    for (let i = 0; i < 200; i++) { r.register(new Array(20_000).fill(i), i); await new Promise((done) => setImmediate(done)) }
    return called`
  assert.equal(await guest.evaluate(source), 0)
})
