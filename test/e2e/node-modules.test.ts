import assert from "node:assert/strict"
import { after, test } from "node:test"
import { createPlatform, DynamicWorker } from "@mayfly/platform"
import { MayflyError } from "@mayfly/protocol"

const platform = await createPlatform({ hosts: 1, spare: false })
after(() => platform.dispose())

async function run(script: string, env: Record<string, unknown> = {}): Promise<unknown> {
  await using worker = await DynamicWorker.create({ script, platform, env })
  return await worker.run()
}

const AsyncFunction = Object.getPrototypeOf(async () => {}).constructor as new (
  ...args: string[]
) => (module: unknown) => Promise<unknown>

/** Runs the body with the module as `m`, in a guest and in Node, and wants the same value. */
async function sameAsNode(specifier: string, body: string): Promise<void> {
  const expected = await new AsyncFunction("m", `"use strict";${body}`)(
    ((await import(specifier)) as { default: unknown }).default,
  )
  assert.deepEqual(await run(`import m from "${specifier}"\nexport default async () => {${body}}`), expected)
}

const programs: readonly (readonly [specifier: string, what: string, body: string])[] = [
  [
    "node:path",
    "everyday calls",
    `return [m.join("a", "..", "/b/"), m.resolve("/a", "../b", "c"), m.relative("/a/b", "/a/c/d"), m.normalize("/a//b/../c/."), m.dirname("/a/b.c"),
      m.basename("/a/b.c", ".c"), m.extname("a.b.c"), m.parse("/home/x/f.txt"), m.format({ dir: "/a", base: "b" }), m.isAbsolute("a"), m.sep, m.delimiter, m.join("a\\\\b", "c")]`,
  ],
  [
    "node:buffer",
    "encodings",
    `const { Buffer } = m; const text = "aä€😀/+"
      return ["utf8", "hex", "base64", "base64url", "latin1", "utf16le", "ascii"].map((encoding) =>
        [encoding, Buffer.from(text).toString(encoding), [...Buffer.from(Buffer.from(text).toString(encoding), encoding)], Buffer.byteLength("abcd", encoding), Buffer.isEncoding(encoding)])`,
  ],
  [
    "node:buffer",
    "reading, writing, comparing",
    `const { Buffer } = m; const b = Buffer.alloc(24)
      b.writeUInt32BE(0xdeadbeef, 0); b.writeInt16LE(-2, 4); b.writeDoubleBE(1.5, 6); b.writeBigInt64LE(-3n, 14); b.fill("ab", 22)
      return [[...b], b.readUInt32BE(0), b.readInt16LE(4), b.readDoubleBE(6), b.readBigInt64LE(14), b.toJSON().type, b.equals(Buffer.from(b)), Buffer.compare(Buffer.from("a"), Buffer.from("b")),
        b.indexOf("ab"), b.subarray(0, 4).toString("hex"), Buffer.concat([Buffer.from("a"), Buffer.from([98])]).toString(), Buffer.isBuffer(b.slice(1)), b instanceof Uint8Array, m.isUtf8(Buffer.from([255]))]`,
  ],
  [
    "node:events",
    "emitters",
    `const EventEmitter = m; const seen = []
      class Mine extends EventEmitter {}
      function Old() { EventEmitter.call(this) }
      Object.setPrototypeOf(Old.prototype, EventEmitter.prototype)
      for (const e of [new Mine(), new Old()]) {
        e.on("a", (...args) => seen.push(args)); e.prependListener("a", () => seen.push("first")); e.once("a", () => seen.push("once"))
        seen.push(e.emit("a", 1, 2), e.emit("a", 3), e.emit("b"), e.listenerCount("a"), e.eventNames(), m.getEventListeners(e, "a").length)
      }
      const e = new EventEmitter(); queueMicrotask(() => e.emit("x", 7)); seen.push(await m.once(e, "x"))
      queueMicrotask(() => { e.emit("y", 1); e.emit("y", 2); e.emit("error", new Error("end")) })
      try { for await (const values of m.on(e, "y")) seen.push(values) } catch (error) { seen.push(error.message) }
      return seen`,
  ],
  [
    "node:util",
    "format, inspect, types, equality",
    `class A { x = 1 }
      return [m.format("%s %d %i %j %o %%", "a", 1.5, 2.7, { a: 1 }, [1]), m.inspect({ a: [1, { b: new Map([[1, new Set([2])]]) }], c: new A() }, { depth: 4 }), m.inspect("a'b"),
        m.isDeepStrictEqual(new Map([[{ a: 1 }, [NaN]]]), new Map([[{ a: 1 }, [NaN]]])), m.isDeepStrictEqual([0], [-0]), m.isDeepStrictEqual({ a: undefined }, {}),
        ["isDate", "isRegExp", "isMap", "isSet", "isPromise", "isTypedArray", "isUint8Array", "isArrayBuffer", "isNativeError", "isAsyncFunction", "isGeneratorFunction", "isBoxedPrimitive", "isWeakMap"].map((name) =>
          [new Date(), /a/, new Map(), new Set(), Promise.resolve(), new Uint8Array(1), new Uint16Array(1), new ArrayBuffer(1), new Error("x"), async () => {}, function* () {}, Object(1), new WeakMap(), {}, null, 1].map(m.types[name])),
        m.stripVTControlCharacters("\\u001b[31mred\\u001b[0m"), typeof m.inspect.custom, m.toUSVString("a\\ud800")]`,
  ],
  [
    "node:util",
    "promisify, callbackify, inherits",
    `const add = (a, b, callback) => setTimeout(() => (a === 0 ? callback(new Error("zero")) : callback(null, a + b)), 1)
      const fail = await m.promisify(add)(0, 1).catch((error) => error.message)
      const called = await new Promise((resolve) => m.callbackify(async (x) => x * 2)(21, (error, value) => resolve([error, value])))
      function B() {} function P() {} P.prototype.hi = () => "hi"; m.inherits(B, P)
      return [await m.promisify(add)(1, 2), fail, called, new B().hi(), B.super_ === P]`,
  ],
  [
    "node:assert",
    "what passes and what throws",
    `const attempt = (call) => { try { call(); return "ok" } catch (error) { return [error.name, error.code, error.operator] } }
      return [attempt(() => m(1)), attempt(() => m.ok(0)), attempt(() => m.equal(1, "1")), attempt(() => m.strictEqual(1, "1")), attempt(() => m.deepEqual({ a: [1] }, { a: ["1"] })),
        attempt(() => m.deepStrictEqual({ a: [1] }, { a: ["1"] })), attempt(() => m.notDeepStrictEqual([1], [1])), attempt(() => m.throws(() => { throw new TypeError("bad") }, TypeError)),
        attempt(() => m.throws(() => { throw new TypeError("bad") }, { message: "bad" })), attempt(() => m.match("abc", /b/)), attempt(() => m.strict.equal(1, "1")), await m.rejects(Promise.reject(new Error("x")), /x/)]`,
  ],
  [
    "node:url",
    "legacy and file URLs",
    `return [{ ...m.parse("http://user:pw@host.com:8080/p/a/t/h?query=string#hash") }, m.format({ protocol: "https", host: "a.b", pathname: "/c", query: { d: [1, 2] } }),
      m.resolve("http://a.com/b/c", "../d"), m.fileURLToPath("file:///a%20b/c"), m.pathToFileURL("/a b/#c").href, m.domainToASCII("español.com"), new m.URL("/x", "http://a.b").href]`,
  ],
  [
    "node:querystring",
    "both ways",
    `return [{ ...m.parse("a=1&a=2&b=%20x&c&=d&e=%zz") }, m.stringify({ a: [1, "ä"], b: true, c: "", d: null }), m.escape("a b&c"), m.unescape("%41+"), { ...m.parse("a:1;b:2", ";", ":") }]`,
  ],
  [
    "node:string_decoder",
    "parts of characters",
    `const decode = (encoding, parts) => { const d = new m.StringDecoder(encoding); return parts.map((part) => d.write(Buffer.from(part))).concat(d.end()) }
      return [decode("utf8", [[0xe2], [0x82, 0xac, 0xf0], [0x9f]]), decode("base64", [[1], [2, 3, 4]]), decode("utf16le", [[97], [0, 98]]), decode("hex", [[255, 0]])]`,
  ],
  [
    "node:crypto",
    "hashes, MACs, derived keys",
    `const data = ["", "abc", "ä".repeat(1000)]
      return [["sha1", "sha256", "SHA-512", "md5", "sha384", "RSA-SHA256"].map((name) => data.map((text) => m.createHash(name === "SHA-512" ? "sha512" : name).update(text).digest("hex"))),
        ["sha1", "sha256", "sha512", "md5"].map((name) => m.createHmac(name, "key").update("a").update(Buffer.from("b")).digest("base64")),
        m.createHash("sha256").copy().update("x").digest("base64url"), m.pbkdf2Sync("pw", "salt", 10, 16, "sha256").toString("hex"), m.scryptSync("pw", "salt", 16, { N: 16 }).toString("hex"),
        Buffer.from(m.hkdfSync("sha256", "key", "salt", "info", 8)).toString("hex"), m.hash("sha1", "abc"), m.randomBytes(100000).length, m.randomUUID().length, m.randomInt(5, 6),
        m.timingSafeEqual(Buffer.from("ab"), Buffer.from("ab")), (() => { try { m.timingSafeEqual(Buffer.from("a"), Buffer.from("ab")) } catch (error) { return error.code } })(),
        await m.webcrypto.subtle.digest("SHA-1", new Uint8Array(1)).then((hash) => hash.byteLength)]`,
  ],
  [
    "node:timers/promises",
    "waits",
    `const ticks = []; for await (const tick of m.setInterval(1, "t")) if (ticks.push(tick) === 2) break; return [await m.setTimeout(1, "v"), ticks]`,
  ],
]

for (const [specifier, what, body] of programs)
  test(`${specifier} does what Node does: ${what}`, () => sameAsNode(specifier, body))

test("builtin modules come by bare name, by named import, by require and by import()", async () => {
  const modules = {
    "index.js": `import path, { join } from "path"; import { path as required } from "./lib.cjs"
      export default async () => { const name = "node:" + "path"; return [join("a", "b"), path === required, (await import(name)).default === path, (await import("path")).join === join] }`,
    "lib.cjs": `exports.path = require("path") === require("node:path") && require("path")`,
  }
  await using worker = await DynamicWorker.create({ modules, mainModule: "index.js", platform })
  assert.deepEqual(await worker.run(), ["a/b", true, true, true])
})

test("a given module wins over a builtin one; a given file of that name does not", async () => {
  const modules = {
    "index.js": `import util from "util"; import path from "path"; export default () => [util, typeof path.join]`,
    util: "export default 'mine'",
    "path.js": "export default 'a file'",
  }
  await using worker = await DynamicWorker.create({ modules, mainModule: "index.js", platform })
  assert.deepEqual(await worker.run(), ["mine", "function"])
})

test("modules that need the host are refused with what to use instead", async () => {
  for (const [specifier, pattern] of [
    ["node:fs", /node:fs needs host access, which guests do not have; pass data in/],
    ["fs/promises", /node:fs needs host access/],
    ["child_process", /node:child_process needs host access.*sandbox/],
    ["node:http", /use fetch/],
    ["node:stream", /node:stream is not available in guests; use the web streams/],
    ["cloudflare:email", /cloudflare:email does not exist here/],
  ] as const) {
    const error: unknown = await run(`import x from "${specifier}"; export default () => x`).catch(
      (thrown: unknown) => thrown,
    )
    assert.ok(error instanceof MayflyError && error.code === "worker.module-not-found", String(error))
    assert.match(error.message, pattern)
  }
  const dynamic = `export default async () => import("node:fs").catch((error) => [error.code, error.message])`
  assert.deepEqual(await run(dynamic), ["ERR_MODULE_NOT_FOUND", "Cannot find module 'node:fs' imported from 'main.js'"])
})

test("Buffer is a global, process only a module", async () => {
  assert.deepEqual(
    await run("return [Buffer.from('a').toString('hex'), typeof process, typeof require, typeof global]"),
    ["61", "undefined", "undefined", "undefined"],
  )
  const script = `import process, { env } from "node:process"
    export default () => new Promise((resolve) => process.nextTick(() => resolve([process.env.HOME, env === process.env, process.platform, process.cwd(), process.argv, Object.isFrozen(process)])))`
  assert.deepEqual(await run(script), [undefined, true, "mayfly", "/", [], true])
})

test("AsyncLocalStorage reaches callbacks, reactions and timers; after await it is lost, never another's", async () => {
  const script = `import { AsyncLocalStorage, AsyncResource } from "node:async_hooks"
    const store = new AsyncLocalStorage()
    const later = () => new Promise((resolve) => setTimeout(() => resolve(store.getStore()), 1))
    export default async () => {
      const all = await Promise.all([1, 2].map((id) => store.run(id, () => later().then((seen) => [seen, store.getStore()]))))
      const snapshot = store.run("s", () => AsyncLocalStorage.snapshot())
      const resource = store.run("r", () => new AsyncResource("x"))
      const lost = await store.run("a", async () => [store.getStore(), await null, store.getStore()])
      return [all, store.run(1, () => store.exit(() => store.getStore())), snapshot(() => store.getStore()), resource.runInAsyncScope(() => store.getStore()), lost, store.getStore()]
    }`
  assert.deepEqual(await run(script), [
    [
      [1, 1],
      [2, 2],
    ],
    undefined,
    "s",
    "r",
    ["a", null, undefined],
    undefined,
  ])
})

test("cloudflare:workers gives entrypoints, RpcTarget, env and waitUntil", async () => {
  const script = `import { DurableObject, env, RpcTarget, waitUntil, WorkerEntrypoint } from "cloudflare:workers"
    import { NonRetryableError, WorkflowEntrypoint } from "cloudflare:workflows"
    const atTheTop = env.NAME
    class Counter extends RpcTarget { #n = 0; add(by) { return (this.#n += by) } }
    export class Store extends DurableObject {}
    export class Flow extends WorkflowEntrypoint {}
    export default class extends WorkerEntrypoint {
      async run() {
        waitUntil(Promise.resolve().then(() => console.log("in the background")))
        const error = new NonRetryableError("no")
        return [atTheTop, env.NAME, this.env.NAME, Object.keys(env), await env.use(new Counter()), typeof this.ctx.waitUntil, error.name, error instanceof Error]
      }
      async fetch(request) { return Response.json([request.url, this.env.NAME, env.NAME, typeof this.ctx.waitUntil]) }
    }`
  const use = async (counter: { add(by: number): Promise<number> }): Promise<number> =>
    (await counter.add(2)) + (await counter.add(3))
  await using worker = await DynamicWorker.create({ script, platform, env: { NAME: "n", use } })
  const run = await worker.execute()
  assert.deepEqual(run.ok && run.result, ["n", "n", "n", ["NAME", "use"], 7, "function", "NonRetryableError", true])
  assert.deepEqual(
    run.logs.map(({ message }) => message),
    ["in the background"],
  )
  assert.deepEqual(await (await worker.fetch("http://a.b/c")).json(), ["http://a.b/c", "n", "n", "function"])
})
