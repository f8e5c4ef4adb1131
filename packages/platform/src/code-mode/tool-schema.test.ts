import assert from "node:assert/strict"
import { test } from "node:test"
import { z } from "zod"
import { type Checked, parseToolSchema } from "./tool-schema.ts"

async function problems(schema: unknown, value: unknown): Promise<readonly string[]> {
  const checked: Checked = await parseToolSchema(schema, "input", "x").check(value)
  return checked.ok ? [] : checked.problems
}

test("parseToolSchema reads zod schemas, each side as it is meant", async () => {
  const schema = z.object({ a: z.string().transform((text) => text.length), n: z.number().default(1), at: z.date() })
  const input = parseToolSchema(schema, "input", "x")
  assert.deepEqual(
    Object.entries((input.json as { properties: object }).properties).map(([name, property]) => [
      name,
      (property as { type?: string }).type,
    ]),
    [
      ["a", "string"],
      ["n", "number"],
      ["at", undefined],
    ],
  )
  assert.deepEqual(await input.check({ a: "abc", at: new Date(0) }), {
    ok: true,
    value: { a: 3, n: 1, at: new Date(0) },
  })
  assert.deepEqual(await problems(schema, { a: 1, at: new Date(0) }), [
    "a: Invalid input: expected string, received number",
  ])
  const output = parseToolSchema(z.object({ n: z.number().default(1) }), "output", "x").json as { required: string[] }
  assert.deepEqual(output.required, ["n"])
})

test("parseToolSchema reads JSON schemas of several drafts", async () => {
  const tuple = {
    $schema: "http://json-schema.org/draft-07/schema#",
    type: "array",
    items: [{ type: "string" }],
    additionalItems: false,
  }
  assert.deepEqual(await problems(tuple, ["a"]), [])
  assert.equal((await problems(tuple, [1])).length, 1)
  const referring = {
    $ref: "#/$defs/node",
    $defs: { node: { type: "object", properties: { next: { $ref: "#/$defs/node" } }, required: ["id"] } },
  }
  assert.deepEqual(await problems(referring, { id: 1, next: { id: 2 } }), [])
  assert.match((await problems(referring, { id: 1, next: {} })).join(), /^next: .*"id"/)
  assert.deepEqual(await problems({ type: "object", properties: { a: { type: "string" } } }, { a: undefined }), [])
  assert.equal((await problems({ type: "object" }, 1n)).length, 1)
})

test("parseToolSchema reports data that refers to itself or is too large", async () => {
  const circle: Record<string, unknown> = {}
  circle["self"] = circle
  assert.equal((await problems({ type: "object" }, circle)).length, 1)
  assert.deepEqual(
    await problems(
      { type: "array" },
      Array.from({ length: 100_001 }, () => 1),
    ),
    ["input: it has more than 100000 values"],
  )
})

test("parseToolSchema does not let a schema and hostile data hold up the process", async () => {
  const late = ["input: checking it took more than 200 ms"]
  const text = `${"a".repeat(60)}!`
  assert.deepEqual(await problems({ type: "string", pattern: "^(a+)+$" }, text), late)
  assert.deepEqual(await problems(z.string().regex(/^(a+)+$/), text), late)
  assert.deepEqual(
    await problems(
      { type: "array", uniqueItems: true },
      Array.from({ length: 90_000 }, (_, index) => index),
    ),
    late,
  )
  assert.equal(
    (
      await problems(
        { type: "array", uniqueItems: true },
        Array.from({ length: 90_000 }, () => 1),
      )
    ).length,
    1,
  )
})

test("parseToolSchema refuses what is no schema", () => {
  for (const schema of [5, "string", null, [], { "~standard": { vendor: "other", validate: () => ({}) } }]) {
    assert.throws(() => parseToolSchema(schema, "input", "x"), { code: "input.invalid" })
  }
})
