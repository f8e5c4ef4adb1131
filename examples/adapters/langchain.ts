// LangChain.js: a tool that runs the code that the model writes. Checks itself: node examples/adapters/langchain.ts
import assert from "node:assert/strict"
import { AIMessage, type BaseMessage, HumanMessage } from "@langchain/core/messages"
import { tool } from "@langchain/core/tools"
import { FakeListChatModel } from "@langchain/core/utils/testing"
import { createPlatform, DynamicWorker, MayflyError } from "mayfly"
import { z } from "zod"

await using platform = await createPlatform({ hosts: 1, spare: false })

const runCode = tool(
  async ({ code }: { code: string }) => {
    try {
      await using worker = await DynamicWorker.create({ script: code, limits: { cpuMs: 1_000 }, platform })
      return JSON.stringify(await worker.run())
    } catch (error) {
      if (error instanceof MayflyError) return `${error.code}: ${error.message} ${error.fix}`
      throw error
    }
  },
  {
    name: "run_code",
    description: "Runs JavaScript or TypeScript: a body that returns a value. Without network and files.",
    schema: z.object({ code: z.string() }),
  },
)

// A model with a script, so that this runs offline; yours calls tools by itself, `model.bindTools([runCode])`.
const model = new FakeListChatModel({ responses: ["return 6 * 7", "The answer is 42."] })

const messages: BaseMessage[] = [new HumanMessage("What is 6 times 7? Use code.")]
const asked = await model.invoke(messages)
const call = { id: "1", name: "run_code", args: { code: asked.text }, type: "tool_call" as const }
messages.push(new AIMessage({ content: "", tool_calls: [call] }), await runCode.invoke(call))
const answer = await model.invoke(messages)

assert.equal(messages.at(-1)?.content, "42")
assert.equal(answer.text, "The answer is 42.")
console.log(`ok: ${answer.text}`)
