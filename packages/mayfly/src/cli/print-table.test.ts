import assert from "node:assert/strict"
import { test } from "node:test"
import { cutToWidth, displayWidth, printTable } from "./print-table.ts"

function printed(terminal: { isTTY: boolean; columns?: number }, rows: string[][]): string {
  let text = ""
  const stdout = { ...terminal, write: (part: string) => (text += part) } as unknown as NodeJS.WriteStream
  printTable(["name", "what"], rows, { stdout, stderr: stdout, color: false })
  return text
}

test("printTable aligns columns, and shows what a terminal would obey", () => {
  assert.equal(printed({ isTTY: false }, [["a", "one"], ["long", "\u001b]0;x\u0007\ntwo"]]), "a     one\nlong  \\x1b]0;x\\x07\\u000atwo\n") // oxfmt-ignore
  assert.equal(printed({ isTTY: false }, [["日本", "one"], ["abcd", "two"]]), "日本  one\nabcd  two\n") // oxfmt-ignore
})

test("printTable has titles and cuts to the width on a terminal only", () => {
  const rows = [["a".repeat(30), "b".repeat(30)]]
  assert.equal(printed({ isTTY: false }, rows), `${"a".repeat(30)}  ${"b".repeat(30)}\n`)
  const lines = printed({ isTTY: true, columns: 40 }, rows).trimEnd().split("\n")
  assert.deepEqual(lines.map(displayWidth), [36, 40])
  assert.equal(printed({ isTTY: true, columns: 10 }, rows), "NAME\naaaaaaaaa…\n")
  assert.equal(printed({ isTTY: true, columns: 40 }, []), "")
})

test("cutToWidth counts what takes two columns, and marks on others", () => {
  assert.equal(cutToWidth("日本語", 5), "日本…")
  assert.equal(cutToWidth("日本語", 6), "日本語")
  assert.equal(displayWidth("e\u0301"), 1)
  assert.equal(cutToWidth("abc", 0), "")
})
