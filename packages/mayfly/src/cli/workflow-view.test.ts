import assert from "node:assert/strict"
import { test } from "node:test"
import { workflowView } from "./workflow-view.ts"

test("workflowView leaves each step once, with its last state and its time", () => {
  let text = ""
  const stdout = {
    isTTY: true,
    columns: 60,
    rows: 10,
    write: (part: string) => (text += part),
  } as unknown as NodeJS.WriteStream
  const view = workflowView({ stdout, stderr: stdout, color: false }, () => 9_000)
  const entry = (name: string, phase: string, time: number, attempt = 1) =>
    view.add({ cursor: 1, time, type: "step", step: { name, count: 1, kind: "do" }, phase, attempt })
  entry("charge\u001b[2J", "begin", 1_000)
  entry("charge\u001b[2J", "retry", 1_500)
  entry("charge\u001b[2J", "ok", 3_500, 2)
  entry("mail", "begin", 3_500)
  view[Symbol.dispose]()
  view[Symbol.dispose]()
  assert.equal(text, "\r\u001b[J✓ charge\\x1b[2J  ok  attempt 2  2.5 s\n⠋ mail  begin  5.5 s\n")
})
