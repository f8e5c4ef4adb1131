import assert from "node:assert/strict"
import { test } from "node:test"
import { programTexts } from "./program-texts.ts"

test("programTexts takes programs out of fences", () => {
  const rows: [string, string[]][] = [
    ["  a()\n", ["a()"]],
    ["```js\na()\n```", ["a()"]],
    ["~~~~\na()\n~~~\n~~~~\nmore", ["a()\n~~~"]],
    ["```ts\ncut off", ["cut off"]],
    ["```python\nprint()\n```", ["```python\nprint()\n```"]],
    ["So:\n```ts\na()\n```\nDone.", ["So:\n```ts\na()\n```\nDone.", "a()"]],
    ["const t = `x`", ["const t = `x`"]],
  ]
  for (const [answer, texts] of rows) assert.deepEqual(programTexts(answer), texts, answer)
})
