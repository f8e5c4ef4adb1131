import assert from "node:assert/strict"
import { test } from "node:test"
import { safeLine } from "./safe-line.ts"

test("safeLine is one line, and shows what can't be seen or turns the direction", () => {
  assert.equal(
    safeLine("a\nb\u202ec\u200bd\u200ee\ufefff\u061cg\u00adh"),
    "a\\u000ab\\u202ec\\u200bd\\u200ee\\ufefff\\u061cg\\u00adh",
  )
  assert.equal(safeLine("tag \u{e0041}\u{e007f}"), "tag \\ue0041\\ue007f")
  assert.equal(safeLine("https://example.com/ä/☃/😀"), "https://example.com/ä/☃/😀")
})
