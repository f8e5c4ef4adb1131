import assert from "node:assert/strict"
import { test } from "node:test"
import { jsonWeight } from "./json-weight.ts"

test("jsonWeight counts values, and lists and objects more, but nothing in strings", () => {
  const texts: readonly [string, number][] = [
    ["", 0],
    ["1", 0],
    ['"[[,,{{"', 0],
    [String.raw`"\\\"[,"`, 0],
    [String.raw`["\\",["\"",2]]`, 10],
    ['{"a":1,"b":[1,2,3]}', 13],
    ['"never ends,[', 0],
  ]
  for (const [text, weight] of texts) assert.equal(jsonWeight(text), weight, text)
  assert.equal(jsonWeight(`[${"[],".repeat(1_000)}0]`, 100), 103)
})

test("jsonWeight takes a quotation mark behind a million backslashes in one go", () => {
  assert.equal(jsonWeight(`["${"\\".repeat(2_000_000)}",1]`), 5)
  assert.equal(jsonWeight(`["${'\\"'.repeat(200_000)}",1]`), 5)
})
