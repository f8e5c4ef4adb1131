import assert from "node:assert/strict"
import { test } from "node:test"
import { compileError, parsePositions } from "./compiler-answer.ts"

test("compileError shows message, place, source line and caret", () => {
  const failure = {
    code: "worker.syntax",
    message: "Unexpected token",
    file: "a.js",
    line: 2,
    column: 3,
    sourceLine: "a +;",
  }
  const error = compileError(JSON.stringify(failure))
  assert.deepEqual(
    [error.code, error.message, error.details["name"], error.details["line"]],
    ["worker.syntax", "SyntaxError: Unexpected token\n    at a.js:2:3\n2 | a +;\n      ^", "SyntaxError", 2],
  )
})

test("a compiler that talks nonsense gets a coded error, never an exception of another kind", () => {
  const failures = [undefined, "", "{", "null", "5", "{}", '{"code":"x","message":"y"}', '{"code":"worker.syntax"}']
  failures.push(
    '{"code":"worker.syntax","message":"m","line":-1}',
    '{"code":"worker.syntax","message":"m","column":1e12}',
  )
  for (const text of failures) assert.equal(compileError(text).code, "platform.no-host", text)
  const positions = ["", "{}", "[1]", "[null]", '[{"name":"a"}]', '[{"name":"a","lines":1,"insertions":[{"line":1}]}]']
  for (const text of positions) assert.throws(() => parsePositions(text), { code: "platform.no-host" }, text)
})

test("parsePositions gives what the compiler says", () => {
  const positions = [{ name: "a.js", lines: 3, insertions: [{ line: 1, column: 0, length: 7 }], source: "x" }]
  assert.deepEqual(parsePositions(JSON.stringify(positions)), positions)
})
