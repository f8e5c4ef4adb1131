import assert from "node:assert/strict"
import { test } from "node:test"
import type { JsonSchema } from "./json-schema.ts"
import { SchemaTypes } from "./schema-to-type.ts"

const typeOf = (schema: JsonSchema): string => new SchemaTypes().typeOf(schema, "Tool")

test("SchemaTypes writes simple types", () => {
  const rows: [JsonSchema, string][] = [
    [true, "unknown"],
    [false, "never"],
    [{}, "unknown"],
    [{ type: "integer" }, "number"],
    [{ type: ["string", "null"] }, "string | null"],
    [{ type: "string", nullable: true }, "string | null"],
    [{ enum: ["a", 1, null, true] }, `"a" | 1 | null | true`],
    [{ enum: [] }, "never"],
    [{ const: { "a b": [1] } }, `{ "a b": [1] }`],
    [{ type: "array", items: { type: "string" } }, "string[]"],
    [{ type: "array", items: { enum: ["a", "b"] } }, `Array<"a" | "b">`],
    [{ type: "array" }, "unknown[]"],
    [{ type: "array", prefixItems: [{ type: "string" }, {}], items: false }, "[string, unknown]"],
    [{ type: "array", prefixItems: [{ type: "string" }], items: { type: "number" } }, "[string, ...number[]]"],
    [{ type: "array", items: [{ type: "string" }], additionalItems: false }, "[string]"],
    [{ type: "object" }, "Record<string, unknown>"],
    [{ type: "object", additionalProperties: false }, "{}"],
    [{ type: "object", additionalProperties: { type: "number" } }, "Record<string, number>"],
    [{ anyOf: [{ type: "string" }, { type: "number" }, { type: "string" }] }, "string | number"],
    [{ oneOf: [{ type: "string" }, {}] }, "unknown"],
    [{ "x-mayfly-type": "Date" }, "Date"],
    [{ "x-mayfly-type": "} declare const evil" }, "unknown"],
    [{ type: "nonsense" }, "unknown"],
    [{ $ref: "https://example.com/schema" }, "unknown"],
    [{ $ref: "#/nowhere" }, "unknown"],
  ]
  for (const [schema, type] of rows) assert.equal(typeOf(schema), type, JSON.stringify(schema))
})

test("SchemaTypes writes objects with comments that can't end early", () => {
  const schema = {
    type: "object",
    properties: {
      "a-b": { type: "string", description: "first\nsecond */ x", format: "date-time" },
      n: { type: "number", default: 3 },
      in: { type: "object", properties: { x: true }, additionalProperties: true },
    },
    required: ["a-b"],
  }
  assert.equal(
    typeOf(schema),
    `{
  /** first second *\\/ x (date-time) */
  "a-b": string
  /** Default 3. */
  n?: number
  in?: {
    x?: unknown
    [name: string]: unknown
  }
}`,
  )
})

test("SchemaTypes joins parts of allOf and choices beside properties", () => {
  const a = { type: "object", properties: { a: { type: "string" } } }
  const b = { anyOf: [{ type: "string" }, { type: "number" }] }
  assert.equal(typeOf({ allOf: [a, b] }), "{\n  a?: string\n} & (string | number)")
  assert.equal(
    typeOf({ type: "object", properties: { c: {} }, allOf: [a] }),
    "{\n  a?: string\n} & {\n  c?: unknown\n}",
  )
})

test("SchemaTypes names what is referred to, also recursively, once per tool", () => {
  const types = new SchemaTypes()
  const node = {
    type: "object",
    properties: { next: { $ref: "#/$defs/node" }, all: { type: "array", items: { $ref: "#/$defs/node" } } },
  }
  const schema = { $ref: "#/$defs/node", $defs: { node } }
  assert.equal(types.typeOf(schema, "First"), "FirstNode")
  assert.equal(types.typeOf(schema, "First"), "FirstNode2")
  assert.deepEqual(types.declarations, [
    "type FirstNode = {\n  next?: FirstNode\n  all?: FirstNode[]\n}",
    "type FirstNode2 = {\n  next?: FirstNode2\n  all?: FirstNode2[]\n}",
  ])
  assert.equal(typeOf({ type: "object", properties: { self: { $ref: "#" } } }), "{\n  self?: ToolRoot\n}")
})

test("SchemaTypes stops at a depth", () => {
  let schema: JsonSchema = { type: "string" }
  for (let depth = 0; depth < 5_000; depth++) schema = { type: "array", items: schema }
  assert.equal(typeOf(schema), `unknown${"[]".repeat(25)}`)
})
