import assert from "node:assert/strict"
import { Console } from "node:console"
import { Writable } from "node:stream"
import { fileURLToPath } from "node:url"
import { test } from "node:test"
import { runInThisContext } from "node:vm"
import { createChunkGuest } from "./chunk-guest.ts"
import { formatDuration } from "./duration.ts"
import { createGuest } from "./isolate-harness.ts"
import type { Guest } from "./isolate-harness.ts"

const chunks = { inspect: fileURLToPath(new URL("inspect-chunk.ts", import.meta.url)) }

function linesHere(source: string): string {
  let text = ""
  const stdout = new Writable({
    write(chunk: Buffer, _encoding, done) {
      text += chunk.toString()
      done()
    },
  })
  const run = runInThisContext(`(console)=>{"use strict";${source}\n}`) as (console: Console) => void
  run(new Console({ stdout, stderr: stdout, colorMode: false }))
  return text
}

async function linesInside(guest: Guest, source: string): Promise<string> {
  guest.logs.length = 0
  await guest.evaluate(source)
  return guest.logs.map(({ message }) => `${message}\n`).join("")
}

const cases: Readonly<Record<string, string>> = {
  primitives: `console.log(); console.log(""); console.log(1, -0, 0n, NaN, true, null, undefined, "a", Symbol("s"), 1e21)`,
  percent: `console.log("%%"); console.log("100%", 5); console.log("%", 1); console.log("%s"); console.log("%%", 1); console.log("%x %s", 1)`,
  "%s": `class A { toString() { return "A!" } }; class B {}; console.log("%s|%s|%s|%s|%s|%s", "a", -0, 1n, { a: { b: 1 } }, new A(), new B()); console.log("%s", null, undefined, Symbol("x"), () => 1)`,
  "%d %i %f": `console.log("%d|%d|%d|%d", "42.5", -0, 5n, {}); console.log("%i|%i|%i", 42.9, "7x", 5n); console.log("%f|%f", "1.5", Symbol("x")); console.log("%d", "")`,
  "%j %o %O %c": `console.log("%j", { a: [1] }); const o = {}; o.o = o; console.log("%j", o); console.log("%O", { a: { b: { c: { d: {} } } } }); console.log("%cred%c", "color: red", "")`,
  objects: `console.log({ a: 1, b: { c: { d: { e: 1 } } } }, [1, , 3], new Map([["a", { b: 1 }]]), new Set([1]), /x/g, new Date(0), [undefined, null], Object.create(null), class Foo {}, function bar() {}, { get x() { return 1 } })`,
  typed: `console.log(new Uint8Array(3), new ArrayBuffer(2), new Float64Array([1.5]), Buffer_ = undefined)`.replace(
    ", Buffer_ = undefined",
    "",
  ),
  "long arrays": `console.log(Array.from({ length: 150 }, (_, i) => i)); console.log("x".repeat(50), ["y".repeat(100)])`,
  circular: `const a = { name: "a" }; a.self = a; console.log(a)`,
  errors: `const e = new TypeError("bad"); e.stack = "TypeError: bad\\n    at x"; console.log(e); console.log({ e })`,
  "odd objects": `class Foo { #p = 1; x = 2 }; console.log(new Foo(), { [Symbol("k")]: 1 }, [new Foo()], Object("boxed"), new (class extends Array {})(), new WeakMap(), (function () { return arguments })(1))`,
  "custom inspect": `console.log({ [Symbol.for("nodejs.util.inspect.custom")]() { return "mine" } })`,
  groups: `console.group("G", 1); console.log("a\\nb"); console.group(); console.warn({ a: 1 }); console.groupEnd(); console.groupCollapsed("H"); console.error("x"); console.groupEnd(); console.groupEnd(); console.groupEnd(); console.log("out")`,
  counts: `console.count(); console.count("a b"); console.count(); console.countReset(); console.count(); console.count(null); console.count(undefined)`,
  assert: `console.assert(true, "no"); console.assert(false); console.assert(false, "a %s", "b"); console.assert(false, { a: 1 }); console.assert(0, undefined)`,
  dir: `console.dir({ a: { b: { c: {} } } }, { depth: 0 }); console.dir("s"); console.dir({ [Symbol.for("nodejs.util.inspect.custom")]() { return "mine" } }); console.dirxml({ a: 1 }, "b")`,
  "table of objects": `console.table([{ a: 1, b: "x" }, { a: 2, c: true }]); console.table([{ a: 1, b: 2 }], ["b"]); console.table([{ a: 1 }], ["z"]); console.table([])`,
  "table of arrays": `console.table([[1, 2], [3]]); console.table([1, "a", null, undefined]); console.table({ r: { x: 1 }, s: 2 })`,
  "table of collections": `console.table(new Map([["a", 1], [{ k: 1 }, { v: 2 }]])); console.table(new Set([1, "b"]))`,
  "table of others": `console.table(5); console.table("s"); console.table(null); console.table(undefined); console.table(() => 1)`,
  "table cells": `console.table([{ a: { b: { c: 1 } }, d: [1, 2, 3, 4], e: { w: 1, x: 2, y: 3 }, f: () => 1 }]); console.table([{ name: "日本", mark: "é", sign: "😀" }])`,
  "table in a group": `console.group(); console.table([1]); console.groupEnd()`,
}

test("console prints what Node prints", async () => {
  await using guest = await createGuest({ chunks })
  for (const [name, source] of Object.entries(cases)) {
    assert.equal(await linesInside(guest, source), linesHere(source), name)
  }
})

test("console prints plain values without loading anything", async () => {
  await using guest = await createGuest()
  const source = `console.log("a", 1, null, undefined, true, 2n); console.group("g"); console.count(); console.assert(false, "b"); console.time("t")`
  assert.equal(await linesInside(guest, source), "a 1 null undefined true 2n\ng\n  default: 1\n  Assertion failed: b\n")
})

test("console gives each method its level", async () => {
  await using guest = await createGuest({ chunks })
  await guest.evaluate(`for (const m of ["log", "info", "warn", "error", "debug", "trace", "dir", "dirxml", "table", "group", "groupCollapsed", "count", "countReset", "time"]) console[m]("x")
    console.assert(false, "x"); console.timeLog("x"); console.timeEnd("x"); console.timeEnd("x"); console.clear(); console.profile()`)
  const levels = guest.logs.map(({ level }) => level).join(" ")
  assert.equal(levels, "log info warn error debug log log log log log log log error log log warn")
})

test("console warns about labels that it does not know", async () => {
  await using guest = await createGuest()
  const text = await linesInside(
    guest,
    `console.countReset("a"); console.time("b"); console.time("b"); console.timeLog("c"); console.timeEnd("d"); console.timeEnd()`,
  )
  const expected = [
    "Count for 'a' does not exist",
    "Label 'b' already exists for console.time()",
    "No such label 'c' for console.timeLog()",
    "No such label 'd' for console.timeEnd()",
    "No such label 'default' for console.timeEnd()",
  ]
  assert.deepEqual(text.trimEnd().split("\n"), expected)
})

test("console.time measures, and prints what else it is given", async () => {
  await using guest = await createGuest({ chunks })
  const text = await linesInside(guest, `console.time(); console.timeLog("default", { a: 1 }, "b"); console.timeEnd()`)
  assert.match(text, /^default: \d+ms { a: 1 } b\ndefault: \d+ms\n$/)
})

test("console.trace shows the stack of its caller", async () => {
  await using guest = await createGuest({ chunks })
  const text = await linesInside(guest, `function caller() { console.trace("at %d", 5) }; caller()`)
  assert.match(text, /^Trace: at 5\n {4}at caller \(file:\/\/\/main\.js:1:\d+\)\n/)
})

test("console methods work alone and have names", async () => {
  await using guest = await createGuest()
  const source = `const { log, warn } = console; log("a"); [1].forEach(console.log); return [log.name, warn.name, String(console), console.table.name]`
  assert.deepEqual(await guest.evaluate(source), ["log", "warn", "[object console]", "table"])
  assert.equal(guest.logs[0]?.message, "a")
})

test("console loads no other chunk to show an instance, and shows a URL once there is one", async () => {
  await using guest = await createChunkGuest(["inspect", "url"])
  const loaded = `return "value" in Object.getOwnPropertyDescriptor(globalThis, "URL")`
  assert.equal(await guest.evaluate(`class Foo {}; console.log(new Foo(), { href: "x" }); ${loaded}`), false)
  assert.deepEqual(guest.logs, [{ level: "log", message: "Foo {} { href: 'x' }" }])
  await guest.evaluate(`console.log(new URL("https://a.b/"))`)
  assert.equal(guest.logs[1]?.message, "https://a.b/")
})

const hostile: readonly string[] = [
  `new Proxy({}, new Proxy({}, { get() { throw new Error("trap") } }))`,
  `{ get [Symbol.toStringTag]() { throw 1 } }`,
  `{ [Symbol.for("nodejs.util.inspect.custom")]() { throw 1 } }`,
  `Object.defineProperty(new Error("x"), "stack", { get() { throw 1 } })`,
  `Object.assign(new Error("x"), { name: { toString() { throw 1 } } })`,
  `new (class extends Map { get size() { throw 1 } [Symbol.iterator]() { throw 1 } })()`,
  `(() => { const { proxy, revoke } = Proxy.revocable({}, {}); revoke(); return proxy })()`,
  `(() => { let o = {}; for (let i = 0; i < 1e5; i++) o = { o }; return o })()`,
  `{ toString() { throw 1 }, valueOf() { throw 1 }, [Symbol.toPrimitive]() { throw 1 }, toJSON() { throw 1 } }`,
]

test("console never throws and always prints, whatever it is given", async () => {
  await using guest = await createGuest({ chunks })
  for (const value of hostile) {
    guest.logs.length = 0
    const source = `const v = ${value}
      console.log("before", v, "after"); console.log("%s %d %j %o %O", v, v, v, v, v); console.error(v); console.dir(v); console.table([v]); console.table(v)
      console.trace(v); console.assert(false, v); console.group(v); console.groupEnd(); console.log(v, 5)
      console.count(v); console.time(v); console.timeEnd(v); console.countReset(v); console.dir(1, v); console.table([1], v); return "went on"`
    assert.equal(await guest.evaluate(source), "went on", value)
    assert.ok(guest.logs.length >= 11, value)
    assert.match(guest.logs[0]?.message ?? "", /^before .* after$/s, value)
    assert.match(guest.logs[9]?.message ?? "", / 5$/, value)
  }
})

test("console survives a guest that breaks what it is made of", async () => {
  await using guest = await createGuest({ chunks })
  await guest.evaluate(`console.log({ warm: 1 }); String.prototype.includes = () => { throw 1 }; Object.keys = Reflect.ownKeys = null
    Map.prototype.get = () => { throw 1 }; Array.prototype.join = Array.prototype.map = null; Error.prepareStackTrace = () => { throw 1 }
    console.log("a", "b"); console.log({ a: 1 }); console.count(); console.group("x"); console.log("y"); console.trace("z"); console.table([1])`)
  assert.ok(guest.logs.length >= 5)
})

test("console indents deep groups no further than 100 times", async () => {
  await using guest = await createGuest()
  await guest.evaluate(`for (let i = 0; i < 500; i++) console.group(); console.log("x")`)
  assert.equal(guest.logs[0]?.message, `${"  ".repeat(100)}x`)
})

test("formatDuration equals Node's", () => {
  const expected = [
    "0ms",
    "1.235ms",
    "999ms",
    "1.000s",
    "59.999s",
    "1:00.000 (m:ss.mmm)",
    "59:59.500 (m:ss.mmm)",
    "1:01:01.001 (h:mm:ss.mmm)",
  ]
  const actual = [0, 1.2346, 999, 1000, 59_999, 60_000, 3_599_500, 3_661_001].map(formatDuration)
  assert.deepEqual(actual, expected)
})
