import assert from "node:assert/strict"
import { test } from "node:test"
import { inspect } from "node:util"
import { inspectPlain } from "./inspect-plain.ts"

class Point {
  x = 1
}

test("inspectPlain gives what Node gives, or nothing", () => {
  const cyclic: Record<string, unknown> = {}
  cyclic["self"] = cyclic
  const values: unknown[] = [
    {},
    [],
    { a: 1, b: "text", c: null, d: undefined, e: true, f: 5n, g: -0, h: NaN },
    [1, "two", [3, [4]], { five: [5] }],
    { a: { b: { c: {} } } },
    { a: { b: { c: { d: 1 } } } },
    [1, 2, 3, 4, 5, 6, 7],
    { "a b": 1 },
    { 1: 2 },
    "it's",
    { text: "it's" },
    { text: "line\nbreak" },
    { text: "größe — ok" },
    new Point(),
    Object.create(null),
    [1, , 3], // oxlint-disable-line no-sparse-arrays
    Object.assign([1], { named: 1 }),
    { get x() { return 1 } }, // oxfmt-ignore
    { [Symbol("s")]: 1 },
    { constructor: Point },
    { f() {} },
    new Map([[1, 2]]),
    cyclic,
    { long: "x".repeat(100) },
    { a: "x".repeat(15), b: "x".repeat(15), c: "x".repeat(15), d: [1, 2] },
  ]
  const shown = values.map((value) => inspectPlain(value))
  values.forEach((value, index) =>
    assert.ok(shown[index] === undefined || shown[index] === inspect(value), inspect(value)),
  )
  assert.deepEqual(
    shown.slice(0, 4),
    values.slice(0, 4).map((value) => (inspect(value).length > 60 ? undefined : inspect(value))),
  )
})
