import assert from "node:assert/strict"
import { test } from "node:test"
import { fromTaggedJson, toTaggedJson } from "./tagged-json.ts"

test("toTaggedJson leaves plain JSON alone", () => {
  const value = { a: [1, "x", null, true, { b: {} }], $: undefined }
  assert.deepEqual(toTaggedJson({ a: value.a }), { a: value.a })
})

test("toTaggedJson has one form for each rich value", () => {
  const self: Record<string, unknown> = { deep: { date: new Date(0) } }
  self["again"] = self["deep"]
  self["self"] = self
  const error = new RangeError("far")
  error.stack = "stack"
  const cases: [unknown, unknown][] = [
    [undefined, { $undefined: true }],
    [10n, { $bigint: "10" }],
    [NaN, { $number: "NaN" }],
    [-0, { $number: "-0" }],
    [new Date(0), { $date: "1970-01-01T00:00:00.000Z" }],
    [new Date(NaN), { $date: null }],
    [new Map([[{ k: 1 }, 2n]]), { $map: [[{ k: 1 }, { $bigint: "2" }]] }],
    [new Set([1, "x"]), { $set: [1, "x"] }],
    [new Uint8Array([1, 2, 255]), { $bytes: "AQL/" }],
    [new Uint16Array([1]), { $bytes: "AQA=", $kind: "Uint16Array" }],
    [/a+/g, { $regexp: ["a+", "g"] }],
    [error, { $error: { name: "RangeError", message: "far", stack: "stack" } }],
    [{ $date: "mine" }, { $escape: { $date: "mine" } }],
    [self, { deep: { date: { $date: "1970-01-01T00:00:00.000Z" } }, again: { $ref: "$.deep" }, self: { $ref: "$" } }],
  ]
  for (const [value, expected] of cases) assert.deepEqual(toTaggedJson(value), expected)
})

test("toTaggedJson bounds what references take: a long path, referred to often, is a small value and a huge text", () => {
  const top: Record<string, unknown> = {}
  let last = top
  for (let depth = 0; depth < 500; depth++) last = last["k".repeat(1_000)] = {} as Record<string, unknown>
  const text = JSON.stringify(toTaggedJson([top, ...Array.from({ length: 800 }, () => last)]))
  assert.ok(text.length < 18 << 20, String(text.length))
  assert.match(text, /"\$ref":"\$\[0\]\.k+.*\{"\$deep":true\}\]$/)
})

test("fromTaggedJson is the inverse", () => {
  const values = [
    undefined,
    10n,
    NaN,
    -0,
    new Date(0),
    new Map([[1, { a: 2n }]]),
    new Set(["x"]),
    new Uint8Array([1, 2]),
    { $date: "mine" },
  ]
  for (const value of values)
    assert.deepStrictEqual(fromTaggedJson(JSON.parse(JSON.stringify(toTaggedJson(value)))), value)
})

test("fromTaggedJson leaves alone what is no tag of ours", () => {
  const values = [
    { $unknown: 1 },
    { $map: "text" },
    { $bigint: "x" },
    { a: { b: [1] } },
    JSON.parse('{"__proto__": {"a": 1}}'),
  ]
  for (const value of values) assert.deepStrictEqual(fromTaggedJson(value), value)
})

test("fromTaggedJson copies only what a tag is in", () => {
  const plain = JSON.parse('{"a":[1,{"b":2}],"__proto__":{"c":3}}') as Record<string, unknown>
  assert.equal(fromTaggedJson(plain), plain)
  const mixed = { plain, tagged: { list: [1, { $number: "NaN" }] } }
  const untagged = fromTaggedJson(mixed) as typeof mixed
  assert.deepStrictEqual(untagged, { plain, tagged: { list: [1, NaN] } })
  assert.equal(untagged.plain, plain)
  assert.deepStrictEqual(mixed.tagged, { list: [1, { $number: "NaN" }] })
})
