import assert from "node:assert/strict"
import { test } from "node:test"
import { MayflyError } from "@mayfly/protocol"
import { formatError } from "./format-error.ts"

test("formatError shows the stack, the source line with a caret under a tab too, the cause and the fix", () => {
  const details = {
    name: "TypeError",
    message: "no",
    stack: "TypeError: no\n    at f (a.ts:3:9)",
    file: "a.ts",
    line: 3,
    column: 9,
    sourceLine: "\treturn x.y",
    cause: { name: "Error", message: "deep", stack: "Error: deep\n    at g (a.ts:1:1)" },
  }
  const text = formatError(new MayflyError("worker.guest", "TypeError: no", { details, fix: "Fix it." }))
  assert.equal(
    text,
    "TypeError: no\n    at f (a.ts:3:9)\n3 | \treturn x.y\n    \t       ^\ncaused by Error: deep\n    at g (a.ts:1:1)\nworker.guest: Fix it.",
  )
})

test("formatError says the message of a stack that leaves it out, and repeats nothing of a message that has the place", () => {
  const odd = new MayflyError("worker.guest", "Error: lost", {
    details: { message: "lost", stack: "    at f (a.js:1:1)" },
    fix: "F.",
  })
  assert.equal(formatError(odd), "Error: lost\n    at f (a.js:1:1)\nworker.guest: F.")
  const message = "SyntaxError: x\n    at a.js:1:1\n1 | x\n    ^"
  const details = { message: "x", line: 1, column: 1, sourceLine: "x" }
  assert.equal(
    formatError(new MayflyError("worker.syntax", message, { details, fix: "F." })),
    `${message}\nworker.syntax: F.`,
  )
})
