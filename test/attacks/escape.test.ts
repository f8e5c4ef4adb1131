import assert from "node:assert/strict"
import { after, test } from "node:test"
import { createPlatform, DynamicWorker, type DynamicWorkerOptions, type Run } from "@mayfly/platform"

const platform = await createPlatform()
after(() => platform.dispose())

async function execute(script: string, options: Partial<DynamicWorkerOptions> = {}, input?: unknown): Promise<Run> {
  const worker = await DynamicWorker.create({ script, platform, ...options })
  return worker.execute(input)
}

async function valueOf(script: string, options: Partial<DynamicWorkerOptions> = {}, input?: unknown): Promise<unknown> {
  const run = await execute(script, options, input)
  return run.ok ? run.result : assert.fail(`${run.error.code}: ${run.error.message}`)
}

// Words that only this side knows. `mayfly:runtime` is a name of ours and not a path.
const hostPath =
  /node_modules|\/work\/|\/tmp\/|\/home\/|\/root\/|isolated.vm|host\.cjs|\.node\b|node:internal|packages\/runtime|process\.execPath/i

/** Everything that the caller of a run sees, as one text. */
function textOf(run: Run): string {
  return JSON.stringify([run, run.ok ? run.result : [run.error.toJSON(), run.error.stack?.split("\n    at ")[0]]])
}

// Reaches every object from the given roots through prototypes, descriptors, getters' functions, symbols and, where calling is harmless, values.
const walk = `
function walk(roots) {
  const found = new Map(), waiting = roots.map((value) => [value, ""])
  while (waiting.length > 0) {
    const [value, path] = waiting.pop()
    if ((typeof value !== "object" && typeof value !== "function") || value === null || found.has(value)) continue
    found.set(value, path)
    if (found.size > 50000) break
    try { waiting.push([Object.getPrototypeOf(value), path + ".__proto__"]) } catch {}
    for (const key of Reflect.ownKeys(value)) {
      let descriptor
      try { descriptor = Reflect.getOwnPropertyDescriptor(value, key) } catch { continue }
      if (descriptor === undefined) continue
      const at = path + "." + String(key)
      for (const part of ["value", "get", "set"]) if (part in descriptor) waiting.push([descriptor[part], at])
      if (descriptor.get !== undefined) { try { waiting.push([value[key], at]) } catch {} }
    }
  }
  return found
}`

test("no object that a guest can reach comes from outside its realm", async () => {
  const script = `${walk}
    export default async (input, env, ctx) => {
      const roots = [globalThis, input, env, ctx, import.meta, await env.call({}), await import("./main.js").catch(() => ({}))]
      try { await env.fail() } catch (error) { roots.push(error) }
      try { await fetch("http://127.0.0.1:1/") } catch (error) { roots.push(error) }
      try { new ArrayBuffer(1e12) } catch (error) { roots.push(error) }
      try { crypto.getRandomValues(new Uint8Array(1e6)) } catch (error) { roots.push(error) }
      try { await import("node:fs") } catch (error) { roots.push(error) }
      try { await crypto.subtle.digest("nothing", new Uint8Array(1)) } catch (error) { roots.push(error) }
      roots.push((function* () {})(), (async function* () {})(), async () => {}, new Proxy(function () {}, {}), [].values(), new Map().entries(), "".matchAll(/a/g))
      const found = walk(roots), strange = []
      for (const [value, path] of found) {
        let at = value
        try { while (Object.getPrototypeOf(at) !== null) at = Object.getPrototypeOf(at) } catch { continue }
        if (at !== Object.prototype && Object.getOwnPropertyNames(at).includes("hasOwnProperty")) strange.push("realm: " + path)
        if (typeof value === "function") {
          let made
          try { made = value.constructor("return globalThis")() } catch { made = undefined }
          if (made !== undefined && made !== globalThis && typeof made === "object" && made.constructor !== undefined && made.globalThis === made) strange.push("Function: " + path)
        }
        const names = Object.getOwnPropertyNames(value)
        for (const name of ["applySync", "applySyncPromise", "derefInto", "createContextSync", "compileScriptSync", "evalSync", "copyInto", "mainModule", "binding", "_linkedBinding", "outbox", "dispatch", "kernel"]) {
          if (names.includes(name)) strange.push(name + ": " + path)
        }
        if (/isolated|Reference|Isolate|Callback|ExternalCopy|Dereference|Transferable/.test(String(Object.prototype.toString.call(value)))) strange.push("tag: " + path)
      }
      return { isLarge: found.size > 900, strange }
    }`
  const env = { call: (value: unknown) => value, fail: () => Promise.reject(new TypeError("no")) }
  assert.deepStrictEqual(await valueOf(script, { env }, { a: [1] }), { isLarge: true, strange: [] })
})

test("a guest has none of Node's globals", async () => {
  const names = [
    "require",
    "module",
    "exports",
    "__dirname",
    "__filename",
    "ivm",
    "Deno",
    "Bun",
    "SharedArrayBuffer",
    "XMLHttpRequest",
    "Worker",
    "importScripts",
    "gc",
    "d8",
    "print",
    "load",
    "quit",
    "v8debug",
    "$262",
  ]
  const script = `export default (names) => names.filter((name) => typeof globalThis[name] !== "undefined" || (0, eval)("typeof " + name) !== "undefined")`
  assert.deepStrictEqual(await valueOf(script, {}, names), [])
})

test("process, if a guest has one, knows nothing of the host", async () => {
  const script = `export default () => {
    if (typeof process === "undefined") return []
    const found = []
    for (const name of ["binding", "_linkedBinding", "dlopen", "kill", "mainModule", "getBuiltinModule", "report", "abort", "chdir", "setuid", "openStdin", "_rawDebug", "constrainedMemory", "moduleLoadList"]) {
      try { if (typeof process[name] === "function") { process[name]("fs"); found.push(name) } else if (process[name] !== undefined) found.push(name) } catch {}
    }
    const told = JSON.stringify([process.env, process.argv, process.execPath, process.title, process.cwd?.()])
    return [...found, ...(/node_modules|work|tmp|root|home|PATH/.test(told) ? [told] : [])]
  }`
  assert.deepStrictEqual(await valueOf(script), [])
})

test("own globals hold nothing of the runtime's", async () => {
  const script = `export default () => Reflect.ownKeys(globalThis).map(String).filter((name) => /mayfly|ivm|isolate|dispatch|kernel|outbox|^\\$|^_/i.test(name))`
  assert.deepStrictEqual(await valueOf(script), [])
})

for (const specifier of [
  "node:fs",
  "fs",
  "node:child_process",
  "child_process",
  "node:module",
  "node:vm",
  "node:worker_threads",
  "node:net",
  "node:inspector",
  "isolated-vm",
  "file:///etc/passwd",
  "/etc/passwd",
  "../../etc/passwd",
  "http://localhost/x.js",
  "data:text/javascript,export default 1",
  "blob:x",
  "mayfly:runtime",
  "mayfly:import",
  "$mayfly_self",
]) {
  test(`import of "${specifier}" is refused without a host path`, async () => {
    const dynamic = await execute(
      `export default async () => { try { return Object.keys(await import(${JSON.stringify(specifier)})) } catch (error) { return { name: error.name, text: String(error.stack) + error.message } } }`,
    )
    assert.ok(dynamic.ok && !Array.isArray(dynamic.result), textOf(dynamic))
    assert.doesNotMatch(textOf(dynamic).replaceAll(specifier, ""), hostPath)
    await assert.rejects(
      execute(`import * as x from ${JSON.stringify(specifier)}\nexport default () => Object.keys(x)`),
      (error: { code?: string; message: string }) => {
        assert.equal(error.code, "worker.module-not-found")
        assert.doesNotMatch(error.message.replaceAll(specifier, ""), hostPath)
        return true
      },
    )
  })
}

test("import inside eval and Function reaches nothing", async () => {
  const script = `export default async () => {
    const tries = [() => eval('import("node:fs")'), () => new Function('return import("node:fs")')(), () => (0, eval)('import("./main.js")'), () => setTimeout('import("node:fs")')]
    const got = []
    for (const attempt of tries) { try { const value = await attempt(); got.push(typeof value === "object" && value !== null ? Object.keys(value) : typeof value) } catch (error) { got.push("refused") } }
    return got
  }`
  const got = (await valueOf(script)) as unknown[]
  assert.deepStrictEqual(got.slice(0, 3), ["refused", "refused", "refused"])
})

test("Error.prepareStackTrace gives no frame, function or this of the runtime", async () => {
  const script = `export default async (input, env) => {
    const seen = new Set(), strange = []
    Error.prepareStackTrace = (error, sites) => {
      for (const site of sites) {
        const self = site.getThis(), called = site.getFunction()
        for (const value of [self, called]) if (value !== undefined && value !== null && value !== globalThis && !own.has(value)) strange.push(typeof value + ":" + String(site.getFileName()) + ":" + String(value).slice(0, 80))
        seen.add(String(site.getFileName()))
        try { site.getEvalOrigin(); site.getScriptNameOrSourceURL(); site.getMethodName(); site.getTypeName() } catch {}
      }
      return "prepared"
    }
    const own = new Set()
    const look = () => void new Error("look").stack
    const hooks = [
      () => console.log({ get [Symbol.toStringTag]() { look(); return "x" } }),
      () => structuredClone({ get a() { look(); return 1 } }),
      () => setTimeout(look, 0),
      () => queueMicrotask(look),
      () => new EventTarget().addEventListener("x", { get handleEvent() { look() } }),
      () => { const t = new EventTarget(); t.addEventListener("x", look); t.dispatchEvent(new Event("x")) },
      () => new URL({ toString() { look(); return "http://x/" } }),
      () => new Headers([[{ toString() { look(); return "a" } }, "b"]]),
      () => new Response(new ReadableStream({ pull(c) { look(); c.close() } })).text(),
      () => env.call({ get a() { look(); return 1 } }),
      () => new AbortController().signal.addEventListener("abort", look),
      () => new TextDecoder({ toString() { look(); return "utf-8" } }),
      () => crypto.subtle.digest({ get name() { look(); return "SHA-1" } }, new Uint8Array(1)),
      () => new Blob([{ toString() { look(); return "x" } }]),
      () => null.x,
    ]
    for (const hook of hooks) { try { await hook() } catch (error) { void error.stack } }
    await new Promise((done) => setTimeout(done, 5))
    return { strange, files: [...seen].filter((file) => !/^(?:main\\.js|mayfly:runtime|undefined|null|file:\\/\\/\\/main\\.js)$/.test(file)) }
  }`
  assert.deepStrictEqual(await valueOf(script, { env: { call: () => 1 } }), { strange: [], files: [] })
})

test("arguments.callee and caller lead nowhere", async () => {
  const script = `export default async (input, env) => {
    const found = []
    const sloppy = new Function("found", "try { let at = arguments.callee; for (let i = 0; i < 20 && at; i++) { at = at.caller; if (at) found.push(String(at).slice(0, 60)) } } catch (error) { found.push('threw') }")
    const hook = () => sloppy(found)
    try { structuredClone({ get a() { new Function("f", "f()")(hook); return sloppy(found) } }) } catch {}
    setTimeout(sloppy, 0, found)
    await new Promise((done) => setTimeout(done, 5))
    const t = new EventTarget(); t.addEventListener("x", () => sloppy(found)); t.dispatchEvent(new Event("x"))
    return found.filter((text) => text !== "threw" && !text.includes("sloppy") && !text.startsWith("function anonymous"))
  }`
  assert.deepStrictEqual(await valueOf(script, { env: { call: () => 1 } }), [])
})

test("constructors of values from bindings and answers are the guest's own", async () => {
  const script = `export default async (input, env) => {
    const values = [input, env, env.call, env.data, await env.call(), (await env.call()).list, (await env.call()).date, (await env.call()).map, (await env.call()).bytes]
    try { await env.fail() } catch (error) { values.push(error) }
    return values.map((value) => value.constructor.constructor("return globalThis")() === globalThis && value.constructor.constructor === Function)
  }`
  const env = {
    data: { deep: [1] },
    call: () => ({ list: [1], date: new Date(0), map: new Map([[1, 2]]), bytes: new Uint8Array(2) }),
    fail: () => Promise.reject(Object.assign(new Error("no"), { secret: { a: 1 } })),
  }
  assert.deepStrictEqual(
    await valueOf(script, { env }, { a: 1 }),
    Array.from({ length: 10 }, () => true),
  )
})

test("a host error gives a guest its name, message and code, and nothing else", async () => {
  const script = `export default async (input, env) => {
    const seen = []
    for (const name of ["error", "text", "nested", "hostile", "sync"]) {
      try { await env[name]() } catch (error) { seen.push({ name: error.name, message: error.message, code: error.code, keys: Object.keys(error), stack: String(error.stack), cause: error.cause }) }
    }
    return seen
  }`
  const env = {
    error: () =>
      Promise.reject(
        Object.assign(new TypeError("no", { cause: new Error("secret cause") }), { code: "E_NO", secret: "token" }),
      ),
    text: () => Promise.reject("text"),
    nested: () => Promise.reject(new AggregateError([new Error("secret")], "all")),
    hostile: () => Promise.reject(new Proxy(new Error("proxied"), {})),
    sync: () => {
      throw new RangeError("at once")
    },
  }
  const seen = (await valueOf(script, { env })) as Record<string, unknown>[]
  assert.deepStrictEqual(
    seen.map(({ name, message, code, keys, cause }) => ({ name, message, code, keys, cause })),
    [
      { name: "TypeError", message: "no", code: "E_NO", keys: ["code"], cause: undefined },
      { name: "Error", message: "text", code: undefined, keys: [], cause: undefined },
      { name: "AggregateError", message: "all", code: undefined, keys: [], cause: undefined },
      { name: "Error", message: "proxied", code: undefined, keys: [], cause: undefined },
      { name: "RangeError", message: "at once", code: undefined, keys: [], cause: undefined },
    ],
  )
  assert.doesNotMatch(JSON.stringify(seen), /secret|token|escape\.test|\/work\/|node:/)
})

test("hostile values thrown by a binding do not hurt the supervisor", async () => {
  const script = `export default async (input, env) => { const seen = []; for (const name of Object.keys(env)) { try { await env[name](); seen.push("fine") } catch (error) { seen.push(typeof error.message) } } return seen }`
  const throwing = {
    get: (): never => {
      throw new Error("trap")
    },
  }
  const env = {
    nothing: () => Promise.reject(undefined),
    proxy: () => Promise.reject(new Proxy({}, throwing)),
    unprintable: () => Promise.reject(Object.create(null)),
    symbol: () => Promise.reject(Symbol("x")),
    getter: () =>
      Promise.reject(
        Object.defineProperty(new Error("x"), "message", {
          get: () => {
            throw new Error("trap")
          },
        }),
      ),
    number: () => Promise.reject(Object.assign(new Error("x"), { message: 42, name: {} })),
    result: () =>
      new Proxy(
        {},
        {
          ownKeys: () => {
            throw new Error("trap")
          },
        },
      ),
  }
  assert.deepStrictEqual(
    await valueOf(script, { env, limits: { wallMs: 5_000 } }),
    Array.from({ length: 7 }, () => "string"),
  )
})

test("a guest can't crash the supervisor through a binding that throws what it was given", async () => {
  const script = `export default async (input, env) => {
    const hostile = [{ toString: 1, valueOf: 1 }, Object.create(null), Object.assign(new Error("x"), { name: "constructor" }), [[{ toString: null }]]]
    const seen = []
    for (const value of hostile) { try { await env.echo(value) } catch (error) { seen.push(typeof error.message) } }
    return seen
  }`
  const env = { echo: (value: unknown) => Promise.reject(value) }
  assert.deepStrictEqual(
    await valueOf(script, { env, limits: { wallMs: 5_000 } }),
    Array.from({ length: 4 }, () => "string"),
  )
})

test("binding numbers that were not given, and inherited names, can't be called", async () => {
  const calls: string[] = []
  const env = { own: { method: () => calls.push("method") }, call: (name: string) => calls.push(name) }
  const script = `export default async (input, env) => {
    const names = []
    for (const target of [env, env.own]) for (const name of ["constructor", "toString", "hasOwnProperty", "__proto__", "__defineGetter__", "valueOf"]) {
      if (Object.hasOwn(target, name)) names.push(name)
    }
    return { names, kinds: [typeof env.call, typeof env.own.method, typeof env.own.constructor, env.own.constructor === Object] }
  }`
  assert.deepStrictEqual(await valueOf(script, { env }), {
    names: [],
    kinds: ["function", "function", "function", true],
  })
  assert.deepStrictEqual(calls, [])
})

const polluting = ["__proto__", "constructor", "prototype", "toString"]
test("results, logs, binding arguments and requests with __proto__ keys do not pollute the supervisor", async () => {
  const before = polluting.map((name) => Object.getOwnPropertyDescriptor(Object.prototype, name))
  const given: unknown[] = []
  const script = `export default async (input, env) => {
    const bad = JSON.parse('{"__proto__":{"polluted":1},"constructor":{"prototype":{"polluted":1}},"a":{"__proto__":{"polluted":1}}}')
    const rich = JSON.parse('{"__proto__":{"polluted":1}}'); rich.date = new Date(0)
    await env.take(bad, rich, new Map([["__proto__", { polluted: 1 }]]))
    console.log(bad)
    const error = new Error("x"); Object.defineProperty(error, "__proto__", { value: { polluted: 1 }, enumerable: true })
    return [bad, rich, error, Object.assign(Object.create(null), { polluted: 0 })]
  }`
  const run = await execute(
    script,
    { env: { take: (...args: unknown[]) => void given.push(...args) } },
    JSON.parse('{"__proto__":{"polluted":1}}'),
  )
  assert.equal(run.ok, true, textOf(run))
  assert.equal(({} as { polluted?: unknown }).polluted, undefined)
  assert.deepStrictEqual(
    polluting.map((name) => Object.getOwnPropertyDescriptor(Object.prototype, name)),
    before,
  )
  const [bad, rich] = (run as { result?: unknown }).result as [object, object]
  assert.deepStrictEqual(
    [bad, rich, given[0] as object, given[1] as object].map((value) => [
      Object.getPrototypeOf(value) === Object.prototype,
      Object.hasOwn(value, "__proto__"),
    ]),
    Array.from({ length: 4 }, () => [true, true]),
  )
})

const failing: Record<string, string> = {
  "thrown error": `export default () => { throw new Error("x") }`,
  "top-level error": `throw new Error("x")\nexport default () => 1`,
  "error in a timer": `export default () => new Promise((_, no) => setTimeout(() => no(new Error("x")), 1))`,
  "uncaught error in a timer": `export default () => { setTimeout(() => { throw new Error("x") }, 0); return new Promise((d) => setTimeout(d, 10)) }`,
  "unhandled rejection": `export default async () => { setTimeout(() => void Promise.reject(new Error("x")), 0); await new Promise((d) => setTimeout(d, 10)) }`,
  "rejection that is no error": `export default async () => { setTimeout(() => void Promise.reject({ a: 1 }), 0); await new Promise((d) => setTimeout(d, 10)) }`,
  "failed fetch": `export default () => fetch("http://127.0.0.1:1/")`,
  "fetch of a file": `export default () => fetch("file:///etc/passwd")`,
  "stack overflow": `export default () => { (function f() { f() })() }`,
  "stack overflow in the bridge": `export default async (i, env) => { const f = () => { try { return f() } catch { console.log(structuredClone([new URL("http://x/")])); return env.call({}) } }; return f() }`,
  "failed import": `export default () => import("./nothing.js")`,
  "failed binding": `export default (i, env) => env.fail()`,
  "memory limit": `export default () => { const m = new Map(); for (let i = 0; ; i++) m.set(i, {}) }`,
  allocation: `export default () => new ArrayBuffer(1e12)`,
  "big allocation in a chunk": `export default () => new Blob(["x".repeat(5e8), "y".repeat(5e8)]).text()`,
  "unclonable result": `export default () => ({ f() {} })`,
  "unclonable argument": `export default (i, env) => env.call(() => 1)`,
  "subtle error": `export default () => crypto.subtle.importKey("raw", new Uint8Array(3), "AES-GCM", true, ["encrypt"])`,
  "subtle decrypt error": `export default async () => { const k = await crypto.subtle.generateKey({ name: "AES-GCM", length: 128 }, false, ["decrypt"]); return crypto.subtle.decrypt({ name: "AES-GCM", iv: new Uint8Array(12) }, k, new Uint8Array(32)) }`,
  "subtle garbage key": `export default () => crypto.subtle.importKey("pkcs8", new Uint8Array(30), { name: "RSA-OAEP", hash: "SHA-256" }, true, ["decrypt"])`,
  "bad wasm": `export default () => WebAssembly.compile(new Uint8Array([0, 1]))`,
  "bad inflate": `export default () => new Response(new Blob(["junk"]).stream().pipeThrough(new DecompressionStream("gzip"))).text()`,
  "bad decoder": `export default () => new TextDecoder("nothing")`,
  "bad url": `export default () => new URL("::")`,
  "stack of everything": `export default () => { Error.stackTraceLimit = 100; const e = new Error("x"); throw e }`,
  "async stack": `export default async () => { Error.stackTraceLimit = 100; await null; await (async () => { await new Promise((d) => setTimeout(d, 1)); throw new Error("x") })() }`,
}
for (const [name, script] of Object.entries(failing)) {
  test(`no host path in what a caller and a guest see of: ${name}`, async () => {
    const seeing =
      script.replace("export default ", "const inner = ") +
      `
      export default async (input, env, ctx) => {
        try { return await inner(input, env, ctx) } catch (error) { console.log(error); console.log(String(error?.stack), String(error?.cause?.stack)); throw error }
      }`
    const env = { call: (value: unknown) => value, fail: () => Promise.reject(new Error("host says no")) }
    for (const code of [script, seeing]) {
      const run = await execute(code, { env, limits: { wallMs: 10_000 } })
      assert.doesNotMatch(textOf(run), hostPath)
    }
  })
}
