import assert from "node:assert/strict"
import { after, test } from "node:test"
import { createPlatform, DynamicWorker } from "@mayfly/platform"
import { assertUsage, codeOf } from "./beside-neighbours.ts"

const platform = await createPlatform()
after(() => platform.dispose())

// What a polluted program does with the world afterwards: all of the bridge.
const use = `
  const got = []
  const attempt = async (name, work) => { try { await work(); got[got.length] = name } catch (error) { got[got.length] = name + "!" } }
  await attempt("binding", () => env.call({ a: [1, new Date(0), new Map([[1, 2]])] }))
  await attempt("failing binding", () => env.fail())
  await attempt("fetch", () => fetch("http://127.0.0.1:1/", { method: "POST", headers: { a: "b" }, body: "x" }))
  await attempt("timer", () => new Promise((done) => setTimeout(done, 1)))
  await attempt("clone", () => structuredClone({ a: [1, new Map([[1, new Set([2])]])] }))
  await attempt("log", () => console.log("%s %o", { a: 1 }, [new Map([[1, 2]])], new Error("x")))
  await attempt("import", () => import("./other.js"))
  await attempt("digest", () => crypto.subtle.digest("SHA-256", new Uint8Array(3)))
  await attempt("url", () => new URL("http://a/?b=c").searchParams.get("b"))
  await attempt("body", () => new Response(new Blob(["x"]).stream()).text())
  ctx.waitUntil(Promise.resolve(1))
  return { got, rich: new Map([[1, new Date(0)]]) }`

const program = (pollute: string): Record<string, string> => ({
  "main.js": `export default async (input, env, ctx) => { if (input.hostile) { ${pollute} }\n${use} }`,
  "other.js": "export default 1",
})

/** Each replaces what the bridge might lean on, after boot. */
const pollutions: Record<string, string> = {
  "JSON methods": "JSON.stringify = JSON.parse = () => { throw new Error('polluted') }",
  "JSON.stringify gives nonsense": "JSON.stringify = () => '}{'; JSON.parse = () => ({ then(f) { f(1) } })",
  "JSON itself": "globalThis.JSON = undefined",
  "Promise.prototype.then throws": "Promise.prototype.then = () => { throw new Error('polluted') }",
  "Promise.prototype.then swallows": "Promise.prototype.then = function () { return this }",
  "Promise.prototype.then calls twice":
    "const then = Promise.prototype.then; Promise.prototype.then = function (a, b) { Reflect.apply(then, this, [a, b]); return Reflect.apply(then, this, [a, b]) }",
  "Promise.prototype.constructor":
    "Promise.prototype.constructor = function (executor) { executor(() => {}, () => {}) }",
  "Promise.prototype.constructor throws":
    "Object.defineProperty(Promise.prototype, 'constructor', { get() { throw new Error('polluted') } })",
  "Promise species":
    "Object.defineProperty(Promise, Symbol.species, { value: class { constructor(executor) { executor(() => {}, () => {}) } } })",
  "Promise itself": "globalThis.Promise = class { constructor() { throw new Error('polluted') } }",
  "Promise statics":
    "Promise.resolve = Promise.reject = Promise.all = Promise.race = Promise.withResolvers = () => { throw new Error('polluted') }",
  "Map methods":
    "for (const name of ['get', 'set', 'has', 'delete', 'forEach', 'entries', Symbol.iterator]) Map.prototype[name] = () => { throw new Error('polluted') }",
  "Map.prototype.size": "Object.defineProperty(Map.prototype, 'size', { get() { return 1e9 } })",
  "Map.prototype.get gives a thief":
    "Map.prototype.get = () => new Proxy(() => {}, { get() { throw new Error('polluted') } })",
  "Set methods":
    "for (const name of ['add', 'has', 'delete', 'forEach', Symbol.iterator]) Set.prototype[name] = () => { throw new Error('polluted') }",
  "WeakMap methods":
    "for (const name of ['get', 'set', 'has', 'delete']) WeakMap.prototype[name] = () => { throw new Error('polluted') }",
  "Array methods":
    "for (const name of Object.getOwnPropertyNames(Array.prototype)) if (typeof [][name] === 'function' && name !== 'constructor') Array.prototype[name] = () => { throw new Error('polluted') }",
  "Array iterator": "Array.prototype[Symbol.iterator] = function* () { throw new Error('polluted') }",
  "Array iterator next": "Object.getPrototypeOf([][Symbol.iterator]()).next = () => { throw new Error('polluted') }",
  "Array iterator without end":
    "Object.getPrototypeOf([][Symbol.iterator]()).next = () => ({ done: false, value: ['a', 'b'] })",
  "Array statics": "Array.isArray = () => true; Array.from = Array.of = () => { throw new Error('polluted') }",
  "Array species":
    "Object.defineProperty(Array, Symbol.species, { value: class { constructor() { throw new Error('polluted') } } })",
  "Array index setters":
    "for (let i = 0; i < 50; i++) Object.defineProperty(Array.prototype, i, { set() { throw new Error('polluted') }, get() { return {} } })",
  "Object index setters":
    "for (let i = 0; i < 50; i++) Object.defineProperty(Object.prototype, i, { set() { throw new Error('polluted') }, get() { return undefined } })",
  "String methods":
    "for (const name of Object.getOwnPropertyNames(String.prototype)) if (typeof ''[name] === 'function' && name !== 'constructor') String.prototype[name] = () => { throw new Error('polluted') }",
  "String statics": "String.fromCharCode = () => { throw new Error('polluted') }; globalThis.String = () => 'polluted'",
  "RegExp methods":
    "RegExp.prototype.exec = RegExp.prototype.test = RegExp.prototype[Symbol.replace] = RegExp.prototype[Symbol.split] = () => { throw new Error('polluted') }",
  "RegExp.prototype.exec endless": "RegExp.prototype.exec = () => Object.assign(['a'], { index: 0 })",
  Reflect:
    "for (const name of Object.getOwnPropertyNames(Reflect)) Reflect[name] = () => { throw new Error('polluted') }",
  "Object statics":
    "for (const name of Object.getOwnPropertyNames(Object)) if (typeof Object[name] === 'function') Object[name] = () => { throw new Error('polluted') }",
  "Object.keys without end": "Object.keys = () => ({ length: 1e9 }); Object.entries = () => ({ length: 1e9 })",
  "Function.prototype.call and apply":
    "Function.prototype.call = Function.prototype.apply = Function.prototype.bind = () => { throw new Error('polluted') }",
  "Function.prototype.toString": "Function.prototype.toString = () => 'class'",
  "Function.prototype has instance":
    "Object.defineProperty(Error, Symbol.hasInstance, { value() { throw new Error('polluted') } })",
  "Date.now": "Date.now = () => { throw new Error('polluted') }; performance.now = Date.now",
  "Date.now gives text": "Date.now = () => '1 1 1\\nL 1 1'",
  Date: "globalThis.Date = class { constructor() { throw new Error('polluted') } }",
  Math: "Math.floor = Math.min = Math.max = Math.random = () => NaN",
  Number: "Number.isSafeInteger = Number.isInteger = () => true; globalThis.Number = () => -1",
  Error: "globalThis.Error = globalThis.TypeError = globalThis.RangeError = class { constructor() { throw 1 } }",
  "Error.prepareStackTrace throws": "Error.prepareStackTrace = () => { throw new Error('polluted') }",
  "Error.prototype getters":
    "for (const name of ['name', 'message', 'stack', 'code', 'cause']) Object.defineProperty(Error.prototype, name, { get() { throw 1 }, set() { throw 1 } })",
  "Error.captureStackTrace": "Error.captureStackTrace = () => { throw 1 }; Error.stackTraceLimit = -1",
  "Object.prototype.then": "Object.prototype.then = function (done) { done('stolen') }",
  "Object.prototype.then throws":
    "Object.defineProperty(Object.prototype, 'then', { get() { throw new Error('polluted') } })",
  "Object.prototype.toJSON":
    "Object.prototype.toJSON = () => 'polluted'; String.prototype.toJSON = Array.prototype.toJSON = Number.prototype.toJSON = () => ({ a: 1 })",
  "Object.prototype getters":
    "for (const name of ['value', 'get', 'set', 'writable', 'configurable', 'enumerable', 'done', 'root', 'maxLength', 'onFunction', 'stacks', 'rethrow', 'resolve', 'reject', 'answer', 'cancel', 'kind', 'path', 'code', 'name', 'message', 'signal', 'method', 'headers', 'body', 'redirect', 'env', 'ctx']) Object.defineProperty(Object.prototype, name, { get() { throw new Error('polluted') }, set() { throw new Error('polluted') }, configurable: true })",
  "Object.prototype values":
    "Object.assign(Object.prototype, { get: 1, set: 2, maxLength: 0, root: {}, rethrow: true, onStub: () => 'stub', onFunction: () => 'x', stacks: true, once: true })",
  "Object.prototype methods":
    "for (const name of ['hasOwnProperty', 'toString', 'valueOf', 'isPrototypeOf', 'propertyIsEnumerable']) Object.prototype[name] = () => { throw new Error('polluted') }",
  "Symbol.iterator of everything":
    "for (const type of [Array, Map, Set, String, Uint8Array]) type.prototype[Symbol.iterator] = () => ({ next: () => ({ done: false, value: 1 }) })",
  "Symbol.toPrimitive": "Object.prototype[Symbol.toPrimitive] = () => { throw new Error('polluted') }",
  "typed arrays":
    "const typed = Object.getPrototypeOf(Uint8Array.prototype); for (const name of ['set', 'subarray', 'slice', 'fill']) typed[name] = () => { throw new Error('polluted') }; for (const name of ['length', 'byteLength', 'byteOffset', 'buffer']) Object.defineProperty(typed, name, { get() { return 1e9 } })",
  ArrayBuffer:
    "ArrayBuffer.prototype.slice = () => { throw new Error('polluted') }; Object.defineProperty(ArrayBuffer.prototype, 'byteLength', { get() { return -1 } }); ArrayBuffer.isView = () => true",
  "Uint8Array itself": "globalThis.Uint8Array = globalThis.ArrayBuffer = function () { throw new Error('polluted') }",
  "async function prototypes":
    "Object.getPrototypeOf(async () => {}).constructor = undefined; Object.getPrototypeOf(async function* () {}).prototype.next = () => { throw new Error('polluted') }",
  "queueMicrotask and timers": "globalThis.queueMicrotask = globalThis.setTimeout = (f) => f()",
  "every global":
    "for (const name of Object.getOwnPropertyNames(globalThis)) if (name !== 'globalThis') try { globalThis[name] = undefined } catch {}",
  "every global is deleted": "for (const name of Reflect.ownKeys(globalThis)) try { delete globalThis[name] } catch {}",
  "frozen world":
    "for (const name of Object.getOwnPropertyNames(globalThis)) { const value = globalThis[name]; if (typeof value === 'function') { Object.freeze(value); if (value.prototype) Object.freeze(value.prototype) } } Object.freeze(globalThis)",
  "globals that can't be changed":
    "for (const name of Object.getOwnPropertyNames(globalThis)) try { Object.defineProperty(globalThis, name, { get() { throw new Error('polluted') }, configurable: false }) } catch {}",
  "hidden import identifiers":
    "for (const key of Object.getOwnPropertyNames(globalThis)) if (key.startsWith('$')) globalThis[key] = () => 1",
  "prototype of the global":
    "try { Object.setPrototypeOf(globalThis, new Proxy({}, { get() { throw new Error('polluted') }, has() { return true } })) } catch {}",
  "prototype of Object.prototype":
    "try { Object.setPrototypeOf(Array.prototype, null); Object.setPrototypeOf(Function.prototype, null) } catch {}",
}

const env = { call: (value: unknown) => value, fail: () => Promise.reject(new Error("no")) }
const limits = { cpuMs: 300, wallMs: 1_500 }

for (const [name, pollute] of Object.entries(pollutions)) {
  test(`pollution of ${name} hurts only its own run`, { timeout: 30_000 }, async () => {
    const worker = await DynamicWorker.create({
      modules: program(pollute),
      mainModule: "main.js",
      platform,
      env,
      limits,
    })
    const hostile = await worker.execute({ hostile: true })
    assertUsage(hostile)
    assert.ok(
      [
        "ok",
        "worker.guest",
        "worker.not-serializable",
        "worker.cpu-limit",
        "worker.wall-limit",
        "worker.memory-limit",
        "worker.unsettled",
        "worker.output-limit",
      ].includes(codeOf(hostile)),
      `${codeOf(hostile)}: ${hostile.ok ? "" : hostile.error.message}`,
    )
    const clean = await worker.execute({ hostile: false })
    const got = ["binding", "failing binding!", "fetch!", "timer", "clone", "log", "import", "digest", "url", "body"]
    assert.deepStrictEqual(clean.ok ? clean.result : clean.error.message, { got, rich: new Map([[1, new Date(0)]]) })
    assert.equal(({} as { then?: unknown }).then, undefined)
  })
}

test("a polluted top level hurts only its own run", { timeout: 30_000 }, async () => {
  for (const pollute of [
    pollutions["every global"],
    pollutions["Promise.prototype.then throws"],
    pollutions["Object.prototype getters"],
    pollutions["Array index setters"],
  ]) {
    const script = `${pollute ?? ""}\nexport default (input) => input`
    const worker = await DynamicWorker.create({ script, platform, limits })
    const run = await worker.execute({ a: 1 })
    assert.ok(["ok", "worker.guest", "worker.wall-limit"].includes(codeOf(run)), codeOf(run))
  }
})
