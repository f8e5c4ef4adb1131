import assert from "node:assert/strict"
import { test } from "node:test"
import { Outbox } from "../guest/outbox.ts"
import { readOutbox } from "./outbox-reader.ts"

test("readOutbox gives back what an Outbox was told", () => {
  const outbox = new Outbox()
  outbox.put("T", 1, "10")
  outbox.put("L", 3, "text with\nlines and 12 5\n")
  outbox.put("F", 2, "")
  outbox.finish("=j1")
  outbox.finish("-too late")
  assert.deepEqual(
    [...readOutbox(outbox.take())],
    [
      { op: "T", id: 1, payload: "10" },
      { op: "L", id: 3, payload: "text with\nlines and 12 5\n" },
      { op: "F", id: 2, payload: "" },
    ],
  )
  assert.deepEqual([outbox.take(), outbox.take()], ["=j1", ""])
})

test("readOutbox refuses malformed text", () => {
  for (const text of ["T", "Z 1 1\nx", "T 1 5\nabc", "T -1 0\n", "T 1 99999999999\nx"]) {
    assert.throws(() => [...readOutbox(text)], /malformed outbox/, text)
  }
})

test("Outbox is bounded in entries and characters", () => {
  const outbox = new Outbox()
  for (let count = 0; count < 20_000; count++) outbox.put("C", count, "")
  assert.throws(() => outbox.put("C", 1, ""), RangeError)
  assert.throws(() => new Outbox().put("B", 1, "x".repeat((64 << 20) + 1)), RangeError)
})
