// OpenAI Agents SDK: a tool that runs the code that the agent writes. Checks itself: node examples/adapters/openai-agents.ts
import assert from "node:assert/strict"
import { Agent, type Model, type ModelResponse, Runner, setTracingDisabled, tool, Usage } from "@openai/agents-core"
import { createPlatform, DynamicWorker, MayflyError } from "mayfly"
import { z } from "zod"

await using platform = await createPlatform({ hosts: 1, spare: false })

const runCode = tool({
  name: "run_code",
  description: "Runs JavaScript or TypeScript: a body that returns a value. Without network and files.",
  parameters: z.object({ code: z.string() }),
  async execute({ code }) {
    try {
      await using worker = await DynamicWorker.create({ script: code, limits: { cpuMs: 1_000 }, platform })
      return JSON.stringify(await worker.run())
    } catch (error) {
      // The message is written for the one who wrote the code.
      if (error instanceof MayflyError) return `${error.code}: ${error.message} ${error.fix}`
      throw error
    }
  },
})

// A model with a script, so that this runs offline.
const script: ModelResponse["output"][] = [
  [
    {
      type: "function_call",
      callId: "1",
      name: "run_code",
      status: "completed",
      arguments: JSON.stringify({ code: "return [3, 1, 2].sort().map((n) => n * 2)" }),
    },
  ],
  [{ type: "message", role: "assistant", status: "completed", content: [{ type: "output_text", text: "2, 4 and 6" }] }],
]
const model: Model = {
  getResponse: async () => ({ output: script.shift() ?? [], usage: new Usage() }),
  getStreamedResponse() {
    throw new Error("not used here")
  },
}

setTracingDisabled(true)
const agent = new Agent({ name: "calculator", instructions: "Compute with code.", tools: [runCode], model })
const result = await new Runner({ modelProvider: { getModel: async () => model } }).run(
  agent,
  "Sort 3, 1, 2 and double them.",
)

const outputs = result.newItems.flatMap((item) => (item.type === "tool_call_output_item" ? [item.output] : []))
assert.deepEqual(outputs, ["[2,4,6]"])
assert.equal(result.finalOutput, "2, 4 and 6")
console.log("ok: 2, 4 and 6")
