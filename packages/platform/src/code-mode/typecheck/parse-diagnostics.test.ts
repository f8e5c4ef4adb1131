import assert from "node:assert/strict"
import { test } from "node:test"
import { parseDiagnostics } from "./parse-diagnostics.ts"

test("parseDiagnostics reads places, codes and messages of several lines", () => {
  const output =
    "code.js(3,39): error TS2322: Type 'a' is wrong.\n  Because (1,2): it is.\ncode.js(4,1): error TS1005: ';' expected.\nsomething else\n"
  assert.deepEqual(parseDiagnostics(output), [
    { file: "code.js", line: 3, column: 39, code: "TS2322", message: "Type 'a' is wrong.\n  Because (1,2): it is." },
    { file: "code.js", line: 4, column: 1, code: "TS1005", message: "';' expected." },
  ])
  assert.deepEqual(parseDiagnostics(""), [])
})
