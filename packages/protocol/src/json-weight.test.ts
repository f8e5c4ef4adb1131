import assert from "node:assert/strict"
import { test } from "node:test"
import { JsonWeight, jsonWeight } from "./json-weight.ts"

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

test("JsonWeight counts the same however a text is cut", () => {
  const values = [
    1,
    "a,[{:",
    '\\",',
    "\\",
    '"',
    "\\\\\\",
    { "k:{": [null, {}, []], "": "é€🙂,Ģ", '\\"': ["\\,", ","] },
    "\u0122",
  ]
  const text = JSON.stringify(Array.from({ length: 5 }, () => values))
  const whole = jsonWeight(text)
  assert.equal(whole, 4 + 5 * 4 + 4 + 5 * (7 + 4 + 3 + 4 + 2 + 8 + 2 + 4 + 1))
  for (const size of [1, 2, 3, 7, 100]) {
    const weight = new JsonWeight()
    for (let at = 0; at < text.length; at += size) weight.add(text.slice(at, at + size))
    assert.equal(weight.value, whole, `${size}`)
  }
})

test("jsonWeight takes a quotation mark behind a million backslashes in one go", () => {
  assert.equal(jsonWeight(`["${"\\".repeat(2_000_000)}",1]`), 5)
  assert.equal(jsonWeight(`["${'\\"'.repeat(200_000)}",1]`), 5)
})
