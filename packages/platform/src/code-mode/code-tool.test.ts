import assert from "node:assert/strict"
import { after, test } from "node:test"
import { MayflyError } from "@mayfly/protocol"
import { z } from "zod"
import { createPlatform } from "../platform.ts"
import { codeTool, type CodeToolOptions } from "./code-tool.ts"

const platform = await createPlatform({ hosts: 1, spare: false })
after(() => platform.dispose())

const getWeather = {
  description: "Weather of a city. */ not the end",
  inputSchema: z.object({
    city: z.string().describe("Its name"),
    days: z.number().int().default(3),
    at: z.date().optional(),
  }),
  outputSchema: z.object({ temp: z.number(), days: z.number() }),
  execute: async ({ city, days }: { city: string; days: number }) => ({ temp: city.length, days }),
}

async function run(code: string, options: Partial<CodeToolOptions> = {}): Promise<unknown> {
  const { result, logs } = await codeTool({ tools: { getWeather }, platform, ...options }).execute({ code })
  return { result, logs }
}

async function failure(code: string, options: Partial<CodeToolOptions> = {}): Promise<MayflyError> {
  const error: unknown = await run(code, options).then(
    () => undefined,
    (reason: unknown) => reason,
  )
  assert.ok(error instanceof MayflyError, String(error))
  return error
}

const declared = `/** Weather of a city. *\\/ not the end */
getWeather(input: {
  /** Its name */
  city: string
  /** Default 3. */
  days?: number
  at?: Date
}): Promise<{
  temp: number
  days: number
}>`

test("codeTool describes its tools in TypeScript", () => {
  const { description } = codeTool({ tools: { getWeather }, platform, description: "Tools:\n{{types}}" })
  assert.equal(
    description,
    `Tools:\ninterface CodemodeTools {\n${declared.replace(/^/gm, "  ")}\n}\ndeclare const codemode: CodemodeTools`,
  )
})

test("codeTool gives result, logs and usage", async () => {
  const made = codeTool({ tools: { getWeather }, platform })
  const { usage, ...rest } = await made.execute({
    code: `async () => { console.error("hm"); return codemode.getWeather({ city: "Bern" }) }`,
  })
  assert.deepEqual(rest, { result: { temp: 4, days: 3 }, logs: ["[error] hm"] })
  assert.deepEqual([usage.bindingCalls, usage.wallMs > 0], [1, true])
})

test("codeTool gives results that JSON can't hold in tagged form", async () => {
  assert.deepEqual(await run("[1n, new Uint8Array([1])]"), { result: [{ $bigint: "1" }, { $bytes: "AQ==" }], logs: [] })
})

test("codeTool refuses wrong arguments before the tool is called, with the declaration", async () => {
  const error = await failure(`async () => { console.log("before"); return codemode.getWeather({ town: "Bern" }) }`)
  assert.equal(
    error.message,
    "Code execution failed (worker.guest): TypeError: codemode.getWeather was called with wrong arguments:\n" +
      `- city: Invalid input: expected string, received undefined\nDeclared as:\n${declared.replace("getWeather(", "codemode.getWeather(")}\n` +
      `  at line 1, column 54: async () => { console.log("before"); return codemode.getWeather({ town: "Bern" }) }\n\nConsole output:\nbefore`,
  )
  assert.deepEqual(error.details["logs"], ["before"])
})

test("codeTool checks JSON schemas, also as the AI SDK wraps them", async () => {
  const seen: unknown[] = []
  const execute = async (input: unknown): Promise<string> => {
    seen.push(input)
    return "ok"
  }
  const schema = {
    type: "object",
    properties: { n: { type: "integer", minimum: 1 }, tag: { enum: ["a", "b"] } },
    required: ["n"],
    additionalProperties: false,
  }
  const tools = {
    plain: { inputSchema: schema, execute },
    wrapped: { inputSchema: { jsonSchema: schema, validate: undefined }, execute },
  }
  const code = `async () => { const all = []
    for (const name of ["plain", "wrapped"]) for (const input of [{ n: 1, tag: undefined }, { n: 0 }, { n: 1, more: 2 }, { n: 1, tag: "c" }, undefined])
      all.push(await codemode[name](input).catch((error) => error.message.split("\\n").slice(1, -4).join(";")))
    return all }`
  const { result } = (await run(code, { tools })) as { result: string[] }
  assert.deepEqual(result.slice(0, 5), result.slice(5))
  assert.equal(result[0], "ok")
  assert.match(result[1] ?? "", /^- n: 0 is less than 1/)
  assert.match(result[2] ?? "", /more/)
  assert.match(result[3] ?? "", /^- tag: /)
  assert.match(result[4] ?? "", /"n"/)
  assert.deepEqual(seen, [{ n: 1 }, { n: 1 }])
})

test("codeTool calls the tools of an MCP server under its namespace", async () => {
  const calls: unknown[] = []
  const answers = new Map<string, unknown>([
    ["list-issues", { content: [{ type: "text", text: `[{"id":7}]` }] }],
    ["count", { structuredContent: { n: 2 }, content: [] }],
    ["close", { isError: true, content: [{ type: "text", text: "no such issue" }] }],
  ])
  const client = {
    callTool: async (call: { name: string; arguments?: Record<string, unknown> }) => {
      calls.push(call)
      return answers.get(call.name)
    },
  }
  const inputSchema = { type: "object", properties: { repo: { type: "string" } }, required: ["repo"] }
  const listed = [
    { name: "list-issues", description: "Lists", inputSchema },
    { name: "count", inputSchema: { type: "object" } },
    { name: "close", inputSchema: { type: "object" } },
  ]
  const tools = [{ name: "github", tools: listed, client }, { tools: { getWeather } }] as const
  assert.match(
    codeTool({ tools, platform }).description,
    /list_issues\(input: \{\n {4}repo: string\n {2}\}\): Promise<any>/,
  )
  const code = `async () => [await github.list_issues({ repo: "a" }), await github.count(), await github.close().catch((e) => e.message), (await codemode.getWeather({ city: "a" })).temp]`
  assert.deepEqual(await run(code, { tools }), { result: [[{ id: 7 }], { n: 2 }, "no such issue", 1], logs: [] })
  assert.deepEqual(calls, [
    { name: "list-issues", arguments: { repo: "a" } },
    { name: "count", arguments: {} },
    { name: "close", arguments: {} },
  ])
})

test("codeTool leaves out tools that can't run or need an approval", async () => {
  const tools = {
    getWeather,
    ask: { ...getWeather, needsApproval: true },
    remote: { inputSchema: {}, description: "elsewhere" },
  }
  const { description } = codeTool({ tools, platform })
  assert.deepEqual([description.includes("ask("), description.includes("remote(")], [false, false])
  assert.match((await failure("codemode.ask({})", { tools })).message, /Tool "ask" not found/)
})

test("codeTool takes the last value that a tool yields and passes it the call", async () => {
  const seen: unknown[] = []
  const execute = async function* (_input: unknown, options: { toolCallId: string }): AsyncGenerator<number> {
    seen.push(options.toolCallId)
    yield 1
    yield 2
  }
  const made = codeTool({ tools: { count: { execute } }, platform })
  assert.equal((await made.execute({ code: "codemode.count()" }, { toolCallId: "call7" })).result, 2)
  assert.deepEqual(seen, ["call7"])
})

test("codeTool says what is allowed when the network is denied", async () => {
  const network = { allowedOrigins: ["https://api.example.com"] }
  const { code, message } = await failure(`async () => fetch("https://example.org/")`, { network })
  assert.equal(code, "mesh.denied")
  assert.match(
    message,
    /GET https:\/\/example\.org\/ was denied: no rule names this origin\. Allowed origins: https:\/\/api\.example\.com\./,
  )
})

test("codeTool ends with the caller's signal and with its time", async () => {
  const abort = new AbortController()
  const tools = { stop: { execute: async () => abort.abort() } }
  const made = codeTool({ tools, platform })
  await assert.rejects(
    made.execute(
      { code: "async () => { await codemode.stop(); await new Promise(() => {}) }" },
      { abortSignal: abort.signal },
    ),
    { code: "worker.aborted" },
  )
  const { code, message } = await failure("async () => new Promise((r) => setTimeout(r, 60_000))", { timeoutMs: 100 })
  assert.equal(code, "worker.wall-limit")
  assert.match(message, /^Code execution timed out \(worker\.wall-limit\)/)
})

test("codeTool checks types before it runs anything", async () => {
  let calls = 0
  const tools = { getWeather: { ...getWeather, execute: async () => ({ temp: ++calls, days: 1 }) } }
  const options = { tools, typecheck: true }
  const error = await failure(
    `async () => {\n  const w = await codemode.getWeather({\n    city: 3,\n  })\n  return w.tmp\n}`,
    options,
  )
  assert.deepEqual([error.code, calls], ["worker.typecheck", 0])
  assert.deepEqual(error.details["problems"], [
    { line: 3, column: 5, code: "TS2322", message: "Type 'number' is not assignable to type 'string'." },
    {
      line: 5,
      column: 12,
      code: "TS2551",
      message: "Property 'tmp' does not exist on type '{ temp: number; days: number; }'. Did you mean 'temp'?",
    },
  ])
  assert.equal(
    error.message.includes(`\n\nWhat is declared:\n${declared.replace("getWeather(", "codemode.getWeather(")}`),
    true,
  )
  assert.deepEqual(
    await run(`const w: { temp: number } = await codemode.getWeather({ city: "x" })\nreturn w.temp`, options),
    { result: 1, logs: [] },
  )
  assert.deepEqual(
    await run(`async () => { const o = {}; o.a = await codemode.getWeather({ city: "x" }); return o.a.temp }`, options),
    { result: 2, logs: [] },
  )
})

test("codeTool refuses options and tools that it can't use", () => {
  const invalid = { code: "input.invalid" }
  assert.throws(() => codeTool({ tools: [{ tools: [{ name: "a", inputSchema: {} }] }] as never }), invalid)
  assert.throws(() => codeTool({ tools: { a: { inputSchema: 5, execute: () => 1 } } }), invalid)
  assert.throws(() => codeTool({ tools: { "a-b": { execute: () => 1 }, a_b: { execute: () => 1 } } }), invalid)
  assert.throws(() => codeTool({ tools: [{ name: "console", tools: {} }] }), invalid)
  assert.throws(() => codeTool({ tools: {}, typechecks: true } as never), invalid)
  assert.throws(
    () => codeTool({ tools: { a: { inputSchema: { "~standard": { vendor: "zod", version: 1 } }, execute: () => 1 } } }),
    /use zod 4\.2 or later/,
  )
})
