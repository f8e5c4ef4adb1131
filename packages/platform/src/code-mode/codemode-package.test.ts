import assert from "node:assert/strict"
import { registerHooks } from "node:module"
import { after, test } from "node:test"
import type { Executor as OriginalExecutor } from "@cloudflare/codemode"
import type { ToolSet } from "ai"
import { z } from "zod"
import { createPlatform } from "../platform.ts"
import { codeTool } from "./code-tool.ts"
import { createExecutor } from "./create-executor.ts"
import type { Executor } from "./executor.ts"
import { sanitizeToolName } from "./sanitize-tool-name.ts"

const workers =
  "data:text/javascript,export class RpcTarget{};export class DurableObject{};export class WorkerEntrypoint{}"

registerHooks({
  resolve(specifier, context, next) {
    // What @cloudflare/codemode needs of it is only for its own executor and for Durable Objects.
    if (specifier === "cloudflare:workers") return { url: workers, shortCircuit: true }
    if (specifier.startsWith("@mayfly/") || context.parentURL?.includes("/node_modules/") !== true)
      return next(specifier, context)
    // A dependency of `ai` has a condition `source` too, whose TypeScript Node does not read there.
    return next(specifier, { ...context, conditions: context.conditions.filter((condition) => condition !== "source") })
  },
})
const { generateText, isStepCount, jsonSchema, tool } = await import("ai")
const { MockLanguageModelV4 } = await import("ai/test")
const codemode = await import("@cloudflare/codemode")
const { createCodeTool } = await import("@cloudflare/codemode/ai")

const platform = await createPlatform({ hosts: 1, spare: false })
after(() => platform.dispose())

const executor: OriginalExecutor & Executor = createExecutor({ platform, timeoutMs: 5_000 })
const tools = {
  "get-weather": tool({
    description: "Weather of a city",
    inputSchema: z.object({ city: z.string() }),
    execute: async ({ city }) => ({ city, temp: city.length }),
  }),
  add: tool({
    inputSchema: jsonSchema<{ a: number; b: number }>({
      type: "object",
      properties: { a: { type: "number" }, b: { type: "number" } },
    }),
    execute: async ({ a, b }) => a + b,
  }),
}
const call = { toolCallId: "1", messages: [], context: {} }

test("createCodeTool of @cloudflare/codemode runs code on our executor", async () => {
  const codeTool = createCodeTool({ tools, executor })
  const run = async (code: string): Promise<unknown> => codeTool.execute?.({ code }, call)
  const both = `async () => { const w = await codemode.get_weather({ city: "Bern" }); console.log("found"); return codemode.add({ a: w.temp, b: 1 }) }`
  assert.deepEqual(await run(both), { result: 5, logs: ["found"] })
  assert.deepEqual(await run("```js\nconst x = 1\nx + 1\n```"), { result: 2 })
  assert.deepEqual(await run("export default async function () { return 3 }"), { result: 3 })
  await assert.rejects(run(`async () => { console.warn("careful"); throw new Error("boom") }`), {
    message: "Code execution failed: boom\n\nConsole output:\n[warn] careful",
  })
  await assert.rejects(run(`async () => codemode.get_weather({ town: 1 })`), /expected string/)
})

test("createCodeTool of @cloudflare/codemode gives several providers their namespaces", async () => {
  const search = { description: "Finds", execute: async (query: unknown) => [query] }
  const codeTool = createCodeTool({ tools: [{ tools }, { name: "notes", tools: { search } }], executor })
  assert.deepEqual(
    await codeTool.execute?.(
      { code: `async () => [await notes.search("x"), await codemode.add({ a: 1, b: 2 })]` },
      call,
    ),
    { result: [["x"], 3] },
  )
})

test("resolveProvider and runCode of @cloudflare/codemode work with our executor", async () => {
  const provider = codemode.resolveProvider({
    name: "db",
    tools: { bytes: { execute: async () => new Uint8Array([1, 2]) } },
  })
  const result = await codemode.runCode({ code: "(await db.bytes()).length", executor, providers: [provider] })
  assert.deepEqual(result, { result: 2 })
  const connector = { name: "gh", binding: { callTool: async (method: string, args: unknown) => [method, args] } }
  const called = await codemode.runCode({
    code: "gh.list({ state: 'open' })",
    executor,
    providers: [],
    connectors: [connector],
  })
  assert.deepEqual(called, { result: ["list", { state: "open" }] })
})

test("sanitizeToolName gives the names of @cloudflare/codemode", () => {
  const names = [
    "get-weather",
    "a.b c",
    "1st",
    "class",
    "",
    "ü",
    "💥",
    "$x",
    "a b.c-d",
    "delete",
    "__proto__",
    "constructor",
  ]
  assert.deepEqual(names.map(sanitizeToolName), names.map(codemode.sanitizeToolName))
})

test("codeTool works as a tool of the AI SDK, errors included", async () => {
  const usage = {
    inputTokens: { total: 1, noCache: 1, cacheRead: 0, cacheWrite: 0 },
    outputTokens: { total: 1, text: 1, reasoning: 0 },
  }
  const calls = [
    "async () => codemode.getWeather({ city: 1 })",
    `async () => (await codemode.getWeather({ city: "Bern" })).temp`,
  ].map((code, index) => ({
    content: [
      { type: "tool-call" as const, toolCallId: `call${index}`, toolName: "code", input: JSON.stringify({ code }) },
    ],
    finishReason: { unified: "tool-calls" as const, raw: undefined },
    usage,
    warnings: [],
  }))
  const done = {
    content: [{ type: "text" as const, text: "4 degrees" }],
    finishReason: { unified: "stop" as const, raw: undefined },
    usage,
    warnings: [],
  }
  const model = new MockLanguageModelV4({ doGenerate: [...calls, done] })
  const given: ToolSet = { code: codeTool({ tools: { getWeather: tools["get-weather"] }, platform }) }
  const { text, steps } = await generateText({
    model,
    tools: given,
    prompt: "How warm is Bern?",
    stopWhen: isStepCount(3),
  })
  assert.equal(text, "4 degrees")
  const [failed, succeeded] = steps.map(({ content }) => content.at(-1))
  assert.equal(failed?.type, "tool-error")
  assert.match(
    String((failed as { error: Error }).error.message),
    /codemode\.getWeather was called with wrong arguments:\n- city: Invalid input/,
  )
  assert.equal(succeeded?.type, "tool-result")
  assert.equal((succeeded as { output: { result: unknown } }).output.result, 4)
  const [passed] = model.doGenerateCalls[0]?.tools ?? []
  assert.deepEqual(passed?.type === "function" ? [passed.name, passed.inputSchema.required] : [], ["code", ["code"]])
})
