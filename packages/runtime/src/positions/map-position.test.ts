import assert from "node:assert/strict"
import { test } from "node:test"
import { detectShape } from "../compile/detect-shape.ts"
import { shapeSource } from "../compile/shape-source.ts"
import { transformTypescript } from "../compile/transform-typescript.ts"
import { mapPosition } from "./map-position.ts"

/** Where `needle` stands, from 1. */
function place(text: string, needle: string): { line: number; column: number } {
  const before = text.slice(0, text.indexOf(needle)).split("\n")
  return { line: before.length, column: (before.at(-1) ?? "").length + 1 }
}

test("mapPosition takes insertions out", () => {
  const programs = [
    "throw new Error(1); x()",
    "const a = 1\na; mark(a)",
    "if (q) { mark() } else { other() }",
    "(input) => mark(input)",
  ]
  for (const source of programs) {
    const shaped = detectShape(source, ["js"])
    assert.ok(shaped)
    const { code, insertions } = shapeSource(source, shaped)
    const needle = source.includes("mark") ? "mark" : "Error"
    assert.deepEqual(mapPosition({ name: "main.js", insertions, lines: 9 }, place(code, needle)), place(source, needle))
  }
})

test("mapPosition follows TypeScript's source map", () => {
  const source = "enum Kind { A = 1 }\nclass Point {\n  constructor(readonly x: number) {\n    mark(Kind.A)\n  }\n}"
  const { code, map } = transformTypescript("main.ts", source)
  assert.deepEqual(
    mapPosition({ name: "main.ts", insertions: [], lines: 99, map }, place(code, "mark")),
    place(source, "mark"),
  )
})

test("mapPosition leaves positions alone when the map is broken", () => {
  const position = { line: 3, column: 4 }
  assert.deepEqual(mapPosition({ name: "a", insertions: [], lines: 9, map: "{nonsense" }, position), position)
})
