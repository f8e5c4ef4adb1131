import assert from "node:assert/strict"
import { test } from "node:test"
import { printable } from "./printable.ts"

const clipboard = "\u001b]52;c;ZXZpbA==\u0007"

test("printable keeps colours, tabs and line ends, and shows every other control character", () => {
  assert.equal(printable("\u001b[1;31mred\u001b[0m\t\n", true), "\u001b[1;31mred\u001b[0m\t\n")
  assert.equal(printable(clipboard, true), "\\x1b]52;c;ZXZpbA==\\x07")
  assert.equal(printable("\u001b[2Jgone\r\u009b2J\b", true), "\\x1b[2Jgone\\x0d\\x9b2J\\x08")
})

test("printable drops colours where none are wanted", () => {
  assert.equal(printable("\u001b[31mred\u001b[0m", false), "red")
})

test("printable takes a long text in one pass", () => {
  assert.equal(printable("\u001b".repeat(1e6), true).length, 4e6)
})
