// Vercel AI SDK: the model gets one tool, and writes code that calls the others. Checks itself: node examples/adapters/ai-sdk.ts
import assert from "node:assert/strict"
import { generateText, isStepCount, tool } from "ai"
import { MockLanguageModelV4 } from "ai/test"
import { codeTool, createPlatform } from "mayfly"
import { z } from "zod"

const tools = {
  getWeather: tool({
    description: "The temperature in a city, in degrees Celsius.",
    inputSchema: z.object({ city: z.string() }),
    execute: async ({ city }) => ({ degrees: city.length * 3 }),
  }),
}

// A model with a script, so that this runs offline. Yours: `openai("…")`, `anthropic("…")`.
const code = `async () => {
  const cities = ["Bern", "Lisbon", "Oslo"]
  const found = await Promise.all(cities.map((city) => codemode.getWeather({ city })))
  return cities.map((city, i) => [city, found[i].degrees]).sort((a, b) => b[1] - a[1])[0]
}`
const usage = {
  inputTokens: { total: 1, noCache: 1, cacheRead: 0, cacheWrite: 0 },
  outputTokens: { total: 1, text: 1, reasoning: 0 },
}
const model = new MockLanguageModelV4({
  doGenerate: [
    {
      content: [{ type: "tool-call", toolCallId: "1", toolName: "code", input: JSON.stringify({ code }) }],
      finishReason: { unified: "tool-calls", raw: undefined },
      usage,
      warnings: [],
    },
    {
      content: [{ type: "text", text: "Lisbon, 18 degrees." }],
      finishReason: { unified: "stop", raw: undefined },
      usage,
      warnings: [],
    },
  ],
})

await using platform = await createPlatform({ hosts: 1, spare: false })
const { text, steps } = await generateText({
  model,
  tools: { code: codeTool({ tools, platform }) },
  prompt: "Where is it warmest: Bern, Lisbon or Oslo?",
  stopWhen: isStepCount(3),
})

const outputs = steps.flatMap(({ toolResults }) =>
  toolResults.map(({ output }) => (output as { result: unknown }).result),
)
assert.deepEqual(outputs, [["Lisbon", 18]])
console.log(`ok: ${text}`)
