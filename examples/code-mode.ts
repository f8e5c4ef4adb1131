// One tool instead of many: the model writes code against typed declarations. Checks itself: node --conditions=source examples/code-mode.ts
import assert from "node:assert/strict"
import { codeTool, createPlatform, MayflyError } from "mayfly"

const city = {
  type: "object",
  properties: { city: { type: "string" } },
  required: ["city"],
  additionalProperties: false,
}
const degrees = { type: "object", properties: { degrees: { type: "number" } }, required: ["degrees"] }

const tools = {
  "get-weather": {
    description: "The temperature in a city, in degrees Celsius.",
    inputSchema: city,
    outputSchema: degrees,
    execute: async (input: { city: string }) => ({ degrees: input.city.length * 3 }),
  },
}

await using platform = await createPlatform({ hosts: 1, spare: false })
const tool = codeTool({ tools, platform, typecheck: true })

// What the model reads.
assert.ok(
  tool.description.includes("get_weather(input: {\n    city: string\n  }): Promise<{\n    degrees: number\n  }>"),
)

// What it writes: several calls at once, and only the answer comes back.
const good = `async () => {
  const cities = ["Bern", "Lisbon", "Oslo"]
  const found = await Promise.all(cities.map((city) => codemode.get_weather({ city })))
  console.log("asked for", cities.length)
  return cities[found.findIndex(({ degrees }) => degrees === Math.max(...found.map((one) => one.degrees)))]
}`
const { result, logs, usage } = await tool.execute({ code: good })
assert.deepEqual({ result, logs }, { result: "Lisbon", logs: ["asked for 3"] })
assert.equal(usage.bindingCalls, 3)

// What it gets wrong is told before anything runs.
const refused: unknown = await tool
  .execute({ code: `async () => (await codemode.get_weather({ town: "Bern" })).temp` })
  .catch((error: unknown) => error)
assert.ok(refused instanceof MayflyError)
assert.equal(refused.code, "worker.typecheck")
assert.match(refused.message, /1:43 Object literal may only specify known properties, and 'town' does not exist/)

// Code that fails tells where, and what is allowed.
const denied: unknown = await tool
  .execute({ code: `async () => fetch("https://example.com/")` })
  .catch((error: unknown) => error)
assert.ok(denied instanceof MayflyError)
assert.equal(denied.code, "mesh.denied")

console.log(`ok: ${String(result)} is the warmest; ${usage.bindingCalls} tool calls in ${usage.wallMs.toFixed(1)} ms`)
