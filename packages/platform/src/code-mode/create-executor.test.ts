import assert from "node:assert/strict"
import { after, test } from "node:test"
import { createPlatform } from "../platform.ts"
import { createExecutor } from "./create-executor.ts"
import type { ConnectorBinding, ExecuteResult, ResolvedProvider } from "./executor.ts"

const platform = await createPlatform({ hosts: 1, spare: false })
after(() => platform.dispose())

const executor = createExecutor({ platform })
const weather: ResolvedProvider = {
  name: "codemode",
  fns: {
    "get-weather": async (input) => ({ ...(input as object), temp: 20 }),
    fail: async () => {
      throw new RangeError("too far")
    },
    bytes: async (bytes) => new Uint8Array([...(bytes as Uint8Array), 9]),
  },
}

async function run(
  code: string,
  providers: ResolvedProvider[] = [weather],
  connectors: ConnectorBinding[] = [],
): Promise<ExecuteResult> {
  return executor.execute(code, providers, { connectors })
}

test("createExecutor runs code of every shape", async () => {
  const call = `codemode.get_weather({ city: "Bern" })`
  const expected = { result: { city: "Bern", temp: 20 }, logs: [] }
  const shapes = [
    `async () => { return await ${call} }`,
    `async () => ${call}`,
    `async function main() { return ${call} }`,
    `function () { return ${call} }`,
    `const found = await ${call}\nfound`,
    `return ${call}`,
    call,
    `export default async () => ${call}`,
    `export default await ${call}`,
    `interface Found { city: string }\nconst found: Found = await ${call}\nreturn found`,
    `\`\`\`js\nasync () => ${call}\n\`\`\``,
    `Here is the code:\n\n\`\`\`typescript\nconst found: any = await ${call}\nreturn found\n\`\`\`\nIt calls a tool.`,
  ]
  for (const code of shapes) assert.deepEqual(await run(code), expected, code)
})

test("createExecutor gives undefined for empty code and code without a value", async () => {
  assert.deepEqual(await run(""), { result: undefined, logs: [] })
  assert.deepEqual(await run("// nothing"), { result: undefined, logs: [] })
  assert.deepEqual(await run("async () => {}"), { result: undefined, logs: [] })
})

test("createExecutor takes the deprecated record of functions", async () => {
  const result = await executor.execute("async () => codemode.add(1, 2)", {
    add: async (a, b) => Number(a) + Number(b),
  })
  assert.deepEqual(result, { result: 3, logs: [] })
})

test("createExecutor gives each provider and connector its namespace, whatever its name", async () => {
  const calls: unknown[] = []
  const binding = {
    callTool: async (method: string, args: unknown) => {
      calls.push([method, args])
      return { method }
    },
  }
  const providers = ["github", "env", "input"].map((name) => ({ name, fns: { who: async () => name } }))
  const result = await run(
    "async () => [await github.who(), await env.who(), await input.who(), await mail.send({ to: 1 }, 2)]",
    providers,
    [{ name: "mail", binding }],
  )
  assert.deepEqual(result, { result: ["github", "env", "input", { method: "send" }], logs: [] })
  assert.deepEqual(calls, [["send", { to: 1 }]])
})

test("createExecutor passes a connector's pause and error on as the original does", async () => {
  const answering = (answer: unknown): ConnectorBinding => ({ name: "gh", binding: { callTool: async () => answer } })
  const code = "async () => gh.create()"
  assert.deepEqual(await run(code, [], [answering({ __codemode_control__: "pause" })]), {
    result: undefined,
    error: "__CODEMODE_PAUSE__",
    logs: [],
  })
  assert.deepEqual(await run(code, [], [answering({ __codemode_control__: "error", message: "no" })]), {
    result: undefined,
    error: "no",
    logs: [],
  })
})

test("createExecutor runs a provider's prelude in the guest", async () => {
  const provider = {
    name: "codemode",
    fns: { one: async () => 1 },
    prelude: "codemode.step = async (name, run) => [name, await run(), await codemode.one()]",
  }
  assert.deepEqual(await run("async () => codemode.step('a', () => 5)", [provider]), { result: ["a", 5, 1], logs: [] })
})

test("createExecutor refuses reserved, invalid and duplicate names and colliding tools", async () => {
  const named = (...names: string[]): ResolvedProvider[] => names.map((name) => ({ name, fns: {} }))
  const connector = { name: "a", binding: { callTool: async () => null } }
  const error = async (providers: ResolvedProvider[], connectors: ConnectorBinding[] = []): Promise<unknown> => {
    const result = await run("1", providers, connectors)
    return [result.result, result.error]
  }
  assert.deepEqual(await error(named("Promise")), [undefined, 'Provider name "Promise" is reserved'])
  assert.deepEqual(await error(named("__dispatchers")), [undefined, 'Provider name "__dispatchers" is reserved'])
  assert.deepEqual(await error(named("a-b")), [undefined, 'Provider name "a-b" is not a valid JavaScript identifier'])
  assert.deepEqual(await error(named("class")), [
    undefined,
    'Provider name "class" is not a valid JavaScript identifier',
  ])
  assert.deepEqual(await error(named("a", "a")), [undefined, 'Duplicate provider name "a"'])
  assert.deepEqual(await error(named("a"), [connector]), [
    undefined,
    'Duplicate name "a" (connector clashes with provider)',
  ])
  const fns = { "a-b": async () => 1, a_b: async () => 2 }
  assert.deepEqual(await error([{ name: "x", fns }]), [
    undefined,
    'Tool names "a-b" and "a_b" both sanitize to "a_b" in provider "x"',
  ])
})

test("createExecutor names close tools when one is unknown", async () => {
  const { error } = await run("async () => codemode.getWeather()")
  assert.equal(
    error,
    'Tool "getWeather" not found. Did you mean codemode.get_weather? codemode has: get_weather, fail, bytes.',
  )
  assert.deepEqual(await run("async () => codemode.nothing().catch((e) => e.name)"), { result: "Error", logs: [] })
  assert.deepEqual(await run("async () => { await codemode; return Object.keys(codemode) }"), {
    result: ["get_weather", "fail", "bytes"],
    logs: [],
  })
})

test("createExecutor keeps console lines in order, with prefixes, also of code that fails", async () => {
  const code = `async () => { console.log("a", { b: 1 }); console.warn("w"); console.error("e"); throw new Error("boom") }`
  assert.deepEqual(await run(code), { result: undefined, error: "boom", logs: ["a { b: 1 }", "[warn] w", "[error] e"] })
})

test("createExecutor tells what the guest threw by its message", async () => {
  assert.equal((await run("async () => codemode.fail()")).error, "too far")
  assert.equal((await run("async () => { throw 'text' }")).error?.includes("text"), true)
  assert.equal(
    (await run("async () => codemode.fail().catch((e) => `${e.name}: ${e.message}`)")).result,
    "RangeError: too far",
  )
})

test("createExecutor gives syntax errors in the author's lines", async () => {
  const { error } = await run("async () => {\n  let a = ;\n}")
  assert.equal(error, "SyntaxError: Unexpected token ';'\n  at line 2, column 11: let a = ; (worker.syntax)")
  const { logs } = await run("async () => {\n\n  console.log(new Error('here').stack)\n}")
  assert.equal(logs?.[0]?.includes("code.js:3:15"), true)
})

test("createExecutor stops code that waits or computes too long", async () => {
  const waits = await createExecutor({ platform, timeoutMs: 200 }).execute(
    "async () => new Promise((r) => setTimeout(r, 60_000))",
    [],
  )
  assert.match(waits.error ?? "", /^Execution timed out \(worker\.wall-limit: /)
  const spins = await createExecutor({ platform, limits: { cpuMs: 50 } }).execute(
    "async () => { console.log('in'); while (true); }",
    [],
  )
  assert.match(spins.error ?? "", /^Execution timed out \(worker\.cpu-limit: /)
  assert.deepEqual(spins.logs, ["in"])
})

test("createExecutor denies the network and says so", async () => {
  const { error } = await run("async () => fetch('https://example.com/a')")
  assert.match(error ?? "", /^GET https:\/\/example\.com\/a was denied: .*Allowed origins: none.*\(mesh\.denied\)$/)
})

test("createExecutor passes bytes, dates and maps as they are", async () => {
  assert.deepEqual(await run("async () => codemode.bytes(new Uint8Array([1, 2]))"), {
    result: new Uint8Array([1, 2, 9]),
    logs: [],
  })
  const same = { name: "codemode", fns: { same: async (value: unknown) => value } }
  const value = new Map<unknown, unknown>([
    ["at", new Date(0)],
    ["n", 2n],
  ])
  assert.deepEqual(await run(`async () => codemode.same(new Map([["at", new Date(0)], ["n", 2n]]))`, [same]), {
    result: value,
    logs: [],
  })
})

test("createExecutor lets neither functions of the host in nor functions of the guest out", async () => {
  let called = 0
  const fns = { client: async () => ({ id: 1, secret: () => ++called }), take: async (value: unknown) => typeof value }
  assert.deepEqual(await run("async () => codemode.client()", [{ name: "codemode", fns }]), {
    result: { id: 1 },
    logs: [],
  })
  const { error } = await run("async () => codemode.take(() => 1)", [{ name: "codemode", fns }])
  assert.match(error ?? "", /^codemode\.take takes only data as arguments: /)
  assert.equal(called, 0)
})

test("createExecutor never throws, whatever it is given", async () => {
  const odd = createExecutor({ platform, network: { allowedOrigins: ["not an origin"] } })
  assert.equal(typeof (await odd.execute("1", [])).error, "string")
  assert.equal((await executor.execute(5 as unknown as string, [])).error, "code must be a string")
  assert.equal(typeof (await executor.execute("1", null as unknown as ResolvedProvider[])).error, "string")
  assert.equal((await run("async () => () => 1")).result, undefined)
})

test("createExecutor refuses wrong options", () => {
  assert.throws(() => createExecutor({ timeout: 5 } as object), { code: "input.invalid" })
  assert.throws(() => createExecutor({ timeoutMs: -1 }), { code: "input.invalid" })
  assert.throws(() => createExecutor({ limits: { cpuMs: -1 } }), { code: "input.invalid" })
})

test("createExecutor checks types of code against the names of tools", async () => {
  const checked = createExecutor({ platform, typecheck: true })
  assert.deepEqual(await checked.execute("async () => (await codemode.get_weather({ any: 1 })).temp", [weather]), {
    result: 20,
    logs: [],
  })
  const { error } = await checked.execute("async () => {\n  return codemode.get_wether()\n}", [weather])
  assert.equal(
    error,
    "the code was not run: it has 1 type error\n2:19 Property 'get_wether' does not exist on type 'CodemodeTools'. Did you mean 'get_weather'?" +
      "\n\nWhat is declared:\ncodemode.get_weather(...args: any[]): Promise<any> (worker.typecheck)",
  )
})
