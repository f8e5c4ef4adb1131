// @cloudflare/codemode, with its executor replaced by ours. Checks itself: node examples/adapters/cloudflare-codemode.ts
import assert from "node:assert/strict"
import { registerHooks } from "node:module"
import { createExecutor, createPlatform } from "mayfly"

// Outside of Workers (and of `mayfly serve`, where it resolves) the package still wants this; only its own executor uses it.
const workers =
  "data:text/javascript,export class RpcTarget{};export class DurableObject{};export class WorkerEntrypoint{}"
registerHooks({
  resolve: (name, context, next) =>
    name === "cloudflare:workers" ? { url: workers, shortCircuit: true } : next(name, context),
})
const { createCodeTool } = await import("@cloudflare/codemode/ai")

await using platform = await createPlatform({ hosts: 1, spare: false })
const executor = createExecutor({ platform, timeoutMs: 5_000 })
const tools = { add: { description: "Adds.", execute: async ({ a, b }: { a: number; b: number }) => a + b } }
const codemode = createCodeTool({ tools, executor } as unknown as Parameters<typeof createCodeTool>[0])

// What a model would write.
const code = `async () => { const three = await codemode.add({ a: 1, b: 2 }); console.log("got", three); return three * 2 }`
const output: unknown = await codemode.execute?.({ code }, { toolCallId: "1", messages: [], context: {} })
assert.deepEqual(output, { result: 6, logs: ["got 3"] })
console.log("ok: 6")
