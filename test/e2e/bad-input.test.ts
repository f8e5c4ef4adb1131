import assert from "node:assert/strict"
import { after, test } from "node:test"
import { inspect } from "node:util"
import { createPlatform, DynamicWorker, type DynamicWorkerOptions, type Run, type RunOptions } from "@mayfly/platform"
import type { MayflyError } from "@mayfly/protocol"

const platform = await createPlatform()
after(() => platform.dispose())

const create = (options: Partial<DynamicWorkerOptions>): Promise<DynamicWorker> =>
  DynamicWorker.create({ platform, ...options })
const wrong = (options: unknown): Promise<DynamicWorker> => DynamicWorker.create(options as DynamicWorkerOptions)

async function execute(script: string, input?: unknown, options?: RunOptions): Promise<Run> {
  return (await create({ script })).execute(input, options)
}

/** What a caller branches on. */
function errorOf(run: Run): Record<string, unknown> {
  if (run.ok) return { ok: run.result }
  const { name, message, file, line, column, path, thrown } = run.error.details
  const found = { code: run.error.code, name, message, file, line, column, path, thrown }
  return Object.fromEntries(Object.entries(found).filter(([, value]) => value !== undefined))
}

async function rejection(promise: Promise<unknown>): Promise<MayflyError> {
  try {
    await promise
  } catch (error) {
    return error as MayflyError
  }
  return assert.fail("it did not fail")
}

// Options

const invalidOptions: Record<string, readonly [options: unknown, path: string]> = {
  "no options": [undefined, "options"],
  null: [null, "options"],
  "a text": ["export default 1", "options"],
  "an empty script": [{ script: "" }, "script"],
  "a script of spaces": [{ script: " \n\t " }, "script"],
  "a script that is a number": [{ script: 42 }, "script"],
  "a script that is null": [{ script: null }, "script"],
  "a script that is bytes": [{ script: new Uint8Array(3) }, "script"],
  "a script with NUL": [{ script: "1\u0000" }, "script"],
  "neither script nor modules": [{}, "script"],
  "script and modules": [{ script: "1", modules: { a: "1" }, mainModule: "a" }, "script"],
  "modules without mainModule": [{ modules: { "a.js": "1" } }, "mainModule"],
  "no modules": [{ modules: {}, mainModule: "a" }, "modules"],
  "modules that are an array": [{ modules: [], mainModule: "a" }, "modules"],
  "a module that is a number": [{ modules: { "a.js": 1 }, mainModule: "a.js" }, 'modules["a.js"]'],
  "a module of an unknown kind": [{ modules: { "a.js": { python: "" } }, mainModule: "a.js" }, 'modules["a.js"]'],
  "a module of two kinds": [{ modules: { "a.js": { js: "", ts: "" } }, mainModule: "a.js" }, 'modules["a.js"]'],
  "a wasm module that is text": [
    { modules: { "a.wasm": { wasm: "x" } }, mainModule: "a.wasm" },
    'modules["a.wasm"].wasm',
  ],
  "an unknown language": [{ script: "1", language: "python" }, "language"],
  "an unknown option": [{ script: "1", timeout: 5 }, "timeout"],
  "limits that are a number": [{ script: "1", limits: 5 }, "limits"],
  "an unknown limit": [{ script: "1", limits: { cpu: 5 } }, "limits.cpu"],
  "an env that is an array": [{ script: "1", env: [] }, "env"],
  "a tenant that is a number": [{ script: "1", tenant: 1 }, "tenant"],
  "an empty tenant": [{ script: "1", tenant: "" }, "tenant"],
  "a tenant with spaces": [{ script: "1", tenant: "a b" }, "tenant"],
}
for (const [name, [options, path]] of Object.entries(invalidOptions)) {
  test(`${name} is input.invalid and names ${path}`, async () => {
    const given = typeof options === "object" && options !== null ? { platform, ...options } : options
    const { code, details } = await rejection(wrong(given))
    assert.deepStrictEqual([code, details["path"]], ["input.invalid", path])
  })
}

for (const value of [-1, NaN, Infinity, -Infinity, 1e300, 0.5, "100", {}, [], true, 10n, null]) {
  for (const name of ["memoryMb", "outputBytes", "logBytes", "subRequests", "concurrentRequests"]) {
    test(`limits.${name} of ${typeof value} ${inspect(value)} is input.invalid`, async () => {
      const { code, details } = await rejection(wrong({ script: "1", platform, limits: { [name]: value } }))
      assert.deepStrictEqual([code, details["path"]], ["input.invalid", `limits.${name}`])
    })
  }
}

test("limits of a single run are checked as well", async () => {
  const worker = await create({ script: "1" })
  const { code, details } = await rejection(worker.execute(1, { limits: { cpuMs: -5 } }))
  assert.deepStrictEqual([code, details["path"]], ["input.invalid", "limits.cpuMs"])
  assert.equal((await rejection(worker.execute(1, { timeout: 5 } as RunOptions))).code, "input.invalid")
})

test("wrong types of run options are input.invalid", async () => {
  const worker = await create({ script: "1" })
  for (const options of [{ signal: 1 }, { signal: {} }, { limits: 1 }, null, 5, "x"]) {
    const error = await rejection(worker.execute(1, options as RunOptions))
    assert.equal(error.code, "input.invalid", `${JSON.stringify(options)}: ${error.message}`)
  }
})

test("language: python points to sandboxes", async () => {
  for (const language of ["python", "Python3", "py"]) {
    const error = await rejection(DynamicWorker.create({ script: "print(1)", language } as never))
    assert.deepEqual([error.code, error.details["path"]], ["input.invalid", "language"])
    assert.match(error.fix, /sandbox/)
  }
})

// Inputs

const unclonable: Record<string, readonly [value: unknown, path: string]> = {
  "a function": [() => 1, "input"],
  "a symbol": [Symbol("x"), "input"],
  "a method": [{ a: [{ save() {} }] }, "input.a[0].save"],
  "a symbol inside": [{ a: Symbol("x") }, "input.a"],
  "a WeakMap": [{ "odd key": new WeakMap() }, 'input["odd key"]'],
  "a promise": [[Promise.resolve()], "input[0]"],
  "a function in a Map": [new Map([["k", () => 1]]), "input(k)"],
  "a getter that throws": [
    {
      get bad(): never {
        throw new Error("no")
      },
    },
    "input.bad",
  ],
}
for (const [name, [value, path]] of Object.entries(unclonable)) {
  test(`an input that holds ${name} is not serializable at ${path}`, async () => {
    const worker = await create({ script: "export default (input) => input" })
    const { code, details } = await rejection(worker.execute(value))
    assert.deepStrictEqual([code, details["path"]], ["worker.not-serializable", path])
  })
}

test("rich inputs come back as they were", async () => {
  const worker = await create({ script: "export default (input) => input" })
  const cyclic: Record<string, unknown> = { a: 1 }
  cyclic["self"] = cyclic
  const values = [
    undefined,
    null,
    0,
    -0,
    NaN,
    Infinity,
    "",
    "\u0000\ud800",
    10n ** 30n,
    new Date(0),
    new Date(NaN),
    /a/gi,
    new Map([[{ a: 1 }, new Set([1])]]),
    Object.assign([1], { 2: 3 }),
    new Uint8Array([1, 2]),
    new Float64Array([NaN]).buffer,
    Object.assign(new TypeError("x"), { code: "E" }),
    cyclic,
    { undefined: undefined },
    Object("boxed"),
  ]
  for (const value of values) {
    const result = await worker.run(value)
    if (value instanceof Error)
      assert.deepStrictEqual([(result as Error).name, (result as Error).message], ["TypeError", "x"])
    else assert.deepStrictEqual(result, value)
  }
})

// Sizes

test("a script of 20 MB runs, one of 70 MB is refused", { timeout: 60_000 }, async () => {
  const padding = `/*${"x".repeat(1 << 20)}*/\n`
  assert.equal(await (await create({ script: `${padding.repeat(20)}export default () => "ran"` })).run(), "ran")
  const { code, details } = await rejection(create({ script: `${padding.repeat(70)}export default 1` }))
  assert.deepStrictEqual([code, details["limit"]], ["worker.code-too-large", 64 << 20])
})

test("binary garbage is a syntax error", async () => {
  for (const seed of [1, 2, 3, 4]) {
    const script = String.fromCharCode(
      ...Array.from({ length: 500 }, (_, index) => ((index * seed * 7919 + 12_289) % 65_533) + 1),
    )
    assert.equal((await rejection(create({ script }))).code, "worker.syntax")
  }
  assert.equal((await rejection(create({ script: "\u007fELF\u0002\u0001\u0001" }))).code, "worker.syntax")
})

for (const [name, script] of Object.entries({
  parentheses: `${"(".repeat(100_000)}1${")".repeat(100_000)}`,
  arrays: `${"[".repeat(100_000)}${"]".repeat(100_000)}`,
  blocks: `${"{".repeat(100_000)}${"}".repeat(100_000)}`,
  operators: `1${"+1".repeat(500_000)}`,
  templates: `${"`${".repeat(50_000)}1${"}`".repeat(50_000)}`,
  types: `let x: ${"Array<".repeat(50_000)}string${">".repeat(50_000)}\n1`,
  "arrow functions": `${"()=>".repeat(50_000)}1`,
  "unclosed braces": "{".repeat(200_000),
})) {
  test(
    `a program with extremely nested ${name} is refused or runs, and the compiler survives`,
    { timeout: 60_000 },
    async () => {
      const made = await create({ script }).then(
        (worker) => worker.execute({}),
        (error: MayflyError) => error,
      )
      const code = made instanceof Error ? (made as MayflyError).code : made.ok ? "ok" : made.error.code
      assert.ok(
        [
          "ok",
          "worker.syntax",
          "worker.compile-timeout",
          "worker.guest",
          "worker.not-serializable",
          "worker.memory-limit",
        ].includes(code),
        code,
      )
      assert.equal(await (await create({ script: `${script.length} + 1` })).run(), script.length + 1)
    },
  )
}

// Entry points and modules

test("a program with nothing to call is worker.no-entrypoint", async () => {
  for (const script of [
    "export const a = 1",
    "export default 5",
    "export default null",
    "export default { other() {} }",
    "export default class {}",
  ]) {
    assert.equal(errorOf(await execute(script))["code"], "worker.no-entrypoint", script)
  }
  const worker = await create({ script: "export default { run() {} }" })
  assert.equal((await rejection(worker.fetch("http://x/"))).code, "worker.no-entrypoint")
})

test("an empty export makes a module", async () => {
  assert.equal(errorOf(await execute("const a: number = 1\nexport {}"))["code"], "worker.no-entrypoint")
})

test("an import of a module that was not given is worker.module-not-found, statically", async () => {
  const { code, message, details } = await rejection(
    create({ script: 'import x from "./nothing.js"\nexport default () => x' }),
  )
  assert.deepStrictEqual(
    [code, details["specifier"], details["file"]],
    ["worker.module-not-found", "./nothing.js", "main.js"],
  )
  assert.match(message, /nothing\.js/)
  const main = await rejection(create({ modules: { "a.js": "1" }, mainModule: "b.js" }))
  assert.deepStrictEqual([main.code, main.details["specifier"]], ["worker.module-not-found", "b.js"])
})

test("an import of a module that was not given rejects inside the program, dynamically", async () => {
  const run = await execute(
    'export default async () => { try { await import("./nothing.js") } catch (error) { return [error.code, error.message] } }',
  )
  assert.deepStrictEqual(run.ok && run.result, [
    "ERR_MODULE_NOT_FOUND",
    "Cannot find module './nothing.js' imported from 'main.js'",
  ])
})

// Endings

test("a promise that never settles meets the wall limit, or is unsettled without one", async () => {
  const script = "export default () => new Promise(() => {})"
  assert.equal(errorOf(await execute(script, 1, { limits: { wallMs: 100 } }))["code"], "worker.wall-limit")
  assert.equal(errorOf(await execute(script, 1, { limits: { wallMs: null } }))["code"], "worker.unsettled")
})

test("an unhandled rejection is a log line, not the end of the run", async () => {
  for (const first of ["", "await null;", "await new Promise((d) => setTimeout(d, 1));"]) {
    const run = await execute(
      `export default async () => { ${first} Promise.reject(new Error("aside")); await new Promise((d) => setTimeout(d, 5)); return 1 }`,
    )
    assert.deepStrictEqual([errorOf(run), run.logs.length], [{ ok: 1 }, 1], first)
    assert.match(run.logs[0]?.message ?? "", /aside/)
  }
})

const thrown: Record<string, readonly [expression: string, message: string]> = {
  null: ["null", "null"],
  undefined: ["undefined", "undefined"],
  "a number": ["42", "42"],
  "a text": ['"text"', "text"],
  "a bigint": ["1n", "1"],
  "a symbol": ["Symbol('s')", "Symbol(s)"],
  "a boolean": ["false", "false"],
  "an object": ["{ a: 1 }", "{ a: 1 }"],
  "a frozen object": ["Object.freeze({ a: 1 })", "{ a: 1 }"],
  "an object without prototype": ["Object.create(null)", "[Object: null prototype] {}"],
  "an array": ["[1, 2]", "[ 1, 2 ]"],
}
for (const [name, [expression, message]] of Object.entries(thrown)) {
  test(`${name} that is thrown is told as such`, async () => {
    // What a module's top level throws comes out of isolated-vm, which carries only primitives and Errors.
    const topLevel =
      message.startsWith("{") || message.startsWith("[") || message.startsWith("Symbol")
        ? "something that is no Error"
        : message
    const scripts = [
      [`export default () => { throw ${expression} }`, message],
      [`export default async () => { await null; throw ${expression} }`, message],
      [`throw ${expression}\nexport default () => 1`, topLevel],
    ] as const
    for (const [script, expected] of scripts) {
      const run = await execute(script)
      const { code, thrown: kind, message: told } = errorOf(run)
      assert.deepStrictEqual({ code, kind, told }, { code: "worker.guest", kind: "non-error", told: expected }, script)
    }
  })
}

test("hostile thrown values end as worker.guest", async () => {
  const values = [
    "new Proxy({}, { get() { throw 1 }, has() { throw 1 }, getPrototypeOf() { throw 1 }, ownKeys() { throw 1 } })",
    "new Proxy(new Error('x'), {})",
    "Proxy.revocable({}, {}).proxy",
    "(() => { const r = Proxy.revocable({}, {}); r.revoke(); return r.proxy })()",
    "Object.freeze(new Error('frozen'))",
    "Object.defineProperty(new Error('x'), 'message', { get() { throw 1 } })",
    "Object.defineProperty(new Error('x'), 'stack', { value: { a: 1 } })",
    "Object.assign(new Error('x'), { name: Symbol('x'), message: 5n })",
    "Object.assign(new Error('x'), { cause: null })",
    "(() => { const e = new Error('x'); e.cause = e; return e })()",
    "Object.setPrototypeOf(new Error('x'), null)",
    "function named() {}",
    "class Named {}",
    "Promise.reject(1)",
    "globalThis",
    "new AggregateError([new Error('a'), new Error('b')], 'all')",
    "new DOMException('m', 'AbortError')",
  ]
  for (const value of values) {
    for (const script of [`export default async () => { throw ${value} }`, `throw ${value}\nexport default 1`]) {
      const worker = await create({ script, limits: { wallMs: 1_000 } })
      assert.equal(errorOf(await worker.execute())["code"], "worker.guest", script)
    }
  }
})

const badResults: Record<string, readonly [script: string, path: string]> = {
  "a function": ["() => () => 1", "result"],
  "a method": ["() => ({ items: [{}, { save() {} }] })", "result.items[1].save"],
  "a symbol": ["() => [Symbol('x')]", "result[0]"],
  "a WeakSet": ["() => ({ a: new WeakSet() })", "result.a"],
  "a nested promise": ["() => ({ a: Promise.resolve(1) })", "result.a"],
  "a getter that throws": ["() => ({ a: { get b() { throw new Error('no') } } })", "result.a.b"],
  "a proxy that throws": ["() => ({ a: new Proxy({ b: 1 }, { get() { throw new Error('no') } }) })", "result.a.b"],
  "a class": ["() => ({ a: class {} })", "result.a"],
  globalThis: ["() => ({ globalThis: { f: globalThis.fetch } })", "result.globalThis.f"],
}
for (const [name, [script, path]] of Object.entries(badResults)) {
  test(`a result that holds ${name} is not serializable at ${path}`, async () => {
    const { code, path: told } = errorOf(await execute(script))
    assert.deepStrictEqual([code, told], ["worker.not-serializable", path])
  })
}

test("a result of 1 GB is worker.output-limit", async () => {
  const run = await execute("() => { const s = 'x'.repeat(1e6); return Array(1000).fill(s) }")
  assert.equal(errorOf(run)["code"], "worker.output-limit")
})

test("process.exit does not exist and ends nothing but the run", async () => {
  const run = await execute("export default () => process.exit(1)")
  assert.deepStrictEqual(errorOf(run), {
    code: "worker.guest",
    name: "ReferenceError",
    message: "process is not defined",
    file: "main.js",
    line: 1,
    column: 30,
  })
})

test("eval and new Function work inside the isolate", async () => {
  assert.deepStrictEqual(
    errorOf(await execute("() => [eval('1 + 1'), new Function('a', 'return a * 2')(4), (0, eval)('typeof process')]")),
    { ok: [2, 8, "undefined"] },
  )
})

test("deep recursion is a RangeError that the program may catch", async () => {
  assert.deepStrictEqual(
    errorOf(await execute("() => { const f = () => f() + 1; try { f() } catch (error) { return error.name } }")),
    { ok: "RangeError" },
  )
  const { code, name, message } = errorOf(await execute("() => { const f = () => f() + 1; return f() }"))
  assert.deepStrictEqual([code, name, message], ["worker.guest", "RangeError", "Maximum call stack size exceeded"])
})

// Disposal and cancelling

test("a disposed worker can't run; disposing twice is fine; what was under way ends", async () => {
  const worker = await create({
    script: "export default async () => { await new Promise((d) => setTimeout(d, 20)); return 1 }",
  })
  const running = worker.run()
  await worker.dispose()
  await worker.dispose()
  assert.equal(await running, 1)
  for (const call of [
    () => worker.run(),
    () => worker.execute(),
    () => worker.fetch("http://x/"),
    () => worker.stream().next(),
  ]) {
    assert.equal((await rejection(call())).code, "worker.disposed")
  }
})

test("a signal that is aborted before or during a run ends it as worker.aborted", async () => {
  const worker = await create({ script: "export default (ms) => new Promise((d) => setTimeout(d, ms))" })
  const before = await worker.execute(1, { signal: AbortSignal.abort() })
  assert.deepStrictEqual([errorOf(before)["code"], before.usage.cpuMs], ["worker.aborted", 0])
  const during = await worker.execute(1e6, { signal: AbortSignal.timeout(50) })
  assert.equal(errorOf(during)["code"], "worker.aborted")
  const busy = await create({ script: "for(;;);" })
  assert.equal(errorOf(await busy.execute(1, { signal: AbortSignal.timeout(50) }))["code"], "worker.aborted")
  const after = await worker.execute(1, { signal: new AbortController().signal })
  assert.equal(after.ok, true)
})

// Syntax errors and stacks

const syntax: Record<
  string,
  readonly [script: string, language: "auto" | "javascript" | "typescript", line: number, column: number]
> = {
  module: ["export default () => {\n  const a = ;\n}", "auto", 2, 13],
  "module, last line": ["export default 1\nlet x = 1\nlet x = 2", "auto", 3, 5],
  body: ["const a = 1\nreturn a +* 2", "auto", 2, 11],
  expression: ["async (input) => {\n  return input..x\n}", "auto", 2, 16],
  typescript: [
    "interface A { a: string }\nexport default (a: A): string => {\n  return a.a +* 2\n}",
    "typescript",
    3,
    15,
  ],
  "typescript by itself": ["type A = { a: string }\nexport default (a: A): string => a.a +* 2", "auto", 2, 39],
  "await outside async": ["export default () => {\n  await 1\n}", "auto", 2, 3],
  "unfinished template": ["export default () => `abc", "auto", 1, 26],
}
for (const [name, [script, language, line, column]] of Object.entries(syntax)) {
  test(`syntax error in a ${name} is told with line, column and caret`, async () => {
    const error = await rejection(create({ script, language }))
    const { details } = error
    assert.deepStrictEqual(
      [error.code, details["line"], details["column"], details["sourceLine"]],
      ["worker.syntax", line, column, script.split("\n")[line - 1]],
    )
    const last = error.message.split("\n").at(-1) ?? ""
    assert.equal(last, `${" ".repeat(`${line} | `.length + column - 1)}^`)
  })
}

test("a syntax error inside a fence names its place in the answer's code", async () => {
  const error = await rejection(create({ script: "Here:\n\n```ts\nconst a: number = 1\nreturn a +* 2\n```\n" }))
  assert.deepStrictEqual([error.code, error.details["sourceLine"]], ["worker.syntax", "return a +* 2"])
})

test("a syntax error in a CommonJS or JSON module names the module, and its place", async () => {
  const main = 'import "./b.cjs"\nexport default 1'
  const cjs = await rejection(
    create({ modules: { "main.js": main, "b.cjs": "exports.a = 1\nexports.b = +* 2" }, mainModule: "main.js" }),
  )
  assert.deepStrictEqual([cjs.code, cjs.details["file"], cjs.details["line"]], ["worker.syntax", "b.cjs", 2])
  const json = await rejection(
    create({ modules: { "main.js": "export default 1", "d.json": "{" }, mainModule: "main.js" }),
  )
  assert.deepStrictEqual([json.code, json.details["file"]], ["worker.syntax", "d.json"])
})

const places: Record<
  string,
  readonly [options: Partial<DynamicWorkerOptions>, file: string, line: number, column: number]
> = {
  JavaScript: [{ script: "export default () => {\n  const a = 1\n  throw new Error('x')\n}" }, "main.js", 3, 9],
  TypeScript: [
    {
      script: "interface A {\n  a: string\n}\nexport default (a: A): string => {\n  throw new Error('x' as string)\n}",
    },
    "main.ts",
    5,
    9,
  ],
  "TypeScript with an enum and a parameter property": [
    {
      script:
        "enum E {\n  A,\n  B,\n}\nclass C {\n  constructor(readonly e: E) {}\n  fail(): never {\n    throw new Error(String(this.e))\n  }\n}\nexport default () => new C(E.B).fail()",
    },
    "main.ts",
    8,
    11,
  ],
  body: [{ script: "const a: number = 1\nthrow new Error('x')" }, "main.ts", 2, 7],
  "body on its first line": [{ script: "throw new Error('x')" }, "main.js", 1, 7],
  "body whose last expression throws": [{ script: "const f = () => { throw new Error('x') }\nf()" }, "main.js", 1, 25],
  expression: [{ script: "async (input) => {\n  throw new Error('x')\n}" }, "main.js", 2, 9],
  "expression on its first line": [{ script: "() => { throw new Error('x') }" }, "main.js", 1, 15],
  "module of several": [
    {
      modules: {
        "main.js": "import { f } from './lib/f.ts'\nexport default f",
        "lib/f.ts": "type A = string\nexport const f = (a: A): never => {\n  throw new Error(a)\n}",
      },
      mainModule: "main.js",
    },
    "lib/f.ts",
    3,
    9,
  ],
  CommonJS: [
    {
      modules: {
        "main.js": "import f from './f.cjs'\nexport default f",
        "f.cjs": "module.exports = () => { throw new Error('x') }",
      },
      mainModule: "main.js",
    },
    "f.cjs",
    1,
    32,
  ],
  "top level": [{ script: "const a = 1\nthrow new Error('x')\nexport default a" }, "main.js", 2, 7],
  "dynamic module's top level": [
    {
      modules: { "main.js": "export default () => import('./b.js')", "b.js": "\n\nthrow new Error('x')" },
      mainModule: "main.js",
    },
    "b.js",
    3,
    7,
  ],
}
for (const [name, [options, file, line, column]] of Object.entries(places)) {
  test(`error place in ${name}`, async () => {
    const run = await (await create(options)).execute("x")
    const found = errorOf(run)
    assert.deepStrictEqual(
      [found["code"], found["file"], found["line"], found["column"]],
      ["worker.guest", file, line, column],
    )
  })
}

// Module kinds

const wasm = new Uint8Array([
  0, 97, 115, 109, 1, 0, 0, 0, 1, 7, 1, 96, 2, 127, 127, 1, 127, 3, 2, 1, 0, 7, 7, 1, 3, 97, 100, 100, 0, 0, 10, 9, 1,
  7, 0, 32, 0, 32, 1, 106, 11,
])

test("all module kinds, static and dynamic, with attributes, cycles, import.meta and top-level await", async () => {
  const worker = await create({
    mainModule: "src/main.js",
    modules: {
      "src/main.js": `import text from "./a.txt"
        import data, { default as again } from "../data.json" with { type: "json" }
        import bytes from "./bytes.bin"
        import module from "./add.wasm"
        import cjs, { named } from "./old.cjs"
        import { typed } from "./typed.ts"
        import { even } from "./even.js"
        const late = await import("./late.js")
        export const url = import.meta.url
        export default async () => {
          const [dynamic, other, json] = await Promise.all([import("./late.js"), import("./old.cjs"), import("../data.json", { with: { type: "json" } })])
          return { text, data, same: data === again, bytes: [...new Uint8Array(bytes)], sum: new WebAssembly.Instance(module).exports.add(2, 3), cjs, named, typed: typed(2),
            even: even(10), late: late.value, once: late === dynamic, other: other.named, json: json.default, url, main: import.meta.main }
        }`,
      "src/a.txt": "a text",
      "data.json": { json: { a: [1] } },
      "src/bytes.bin": { data: new Uint8Array([1, 2, 3]) },
      "src/add.wasm": { wasm },
      "src/old.cjs": 'exports.named = "n"; exports.dep = require("./dep.cjs")',
      "src/dep.cjs": 'module.exports = require("./old.cjs").named + "d"',
      "src/typed.ts": "enum E { A = 5 }\nexport const typed = (x: number): number => x * E.A",
      "src/even.js": 'import { odd } from "./odd.js"\nexport const even = (n) => n === 0 || odd(n - 1)',
      "src/odd.js": 'import { even } from "./even.js"\nexport const odd = (n) => n !== 0 && even(n - 1)',
      "src/late.js": "export const value = await new Promise((d) => setTimeout(d, 1, 'late'))",
    },
  })
  assert.deepStrictEqual(await worker.run(), {
    text: "a text",
    data: { a: [1] },
    same: true,
    bytes: [1, 2, 3],
    sum: 5,
    cjs: { named: "n", dep: "nd" },
    named: "n",
    typed: 10,
    even: true,
    late: "late",
    once: true,
    other: "n",
    json: { a: [1] },
    url: "file:///src/main.js",
    main: true,
  })
})

test("a module is evaluated once, however often and however concurrently it is imported", async () => {
  const modules = {
    "main.js":
      "export default async () => { await Promise.all(Array.from({ length: 20 }, () => import('./count.js'))); return globalThis.count }",
    "count.js": "globalThis.count = (globalThis.count ?? 0) + 1; await null",
  }
  assert.equal(await (await create({ modules, mainModule: "main.js" })).run(), 1)
})

test("a dynamic import of a module that fails rejects each time", async () => {
  const modules = {
    "main.js":
      "export default async () => { const seen = []; for (let i = 0; i < 2; i++) try { await import('./bad.js') } catch (error) { seen.push(error.message) } return seen }",
    "bad.js": "await null; throw new Error('bad')",
  }
  const worker = await create({ modules, mainModule: "main.js", limits: { wallMs: 2_000 } })
  assert.deepStrictEqual(errorOf(await worker.execute()), { ok: ["bad", "bad"] })
})
