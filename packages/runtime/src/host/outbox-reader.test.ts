import assert from "node:assert/strict"
import { test } from "node:test"
import { Outbox } from "../guest/outbox.ts"
import { readOutbox } from "./outbox-reader.ts"

test("readOutbox gives back what an Outbox was told", () => {
  const outbox = new Outbox()
  outbox.put("T", 1, "10")
  outbox.put("L", 3, "text with\nlines and 12 5\n")
  outbox.put("F", 2, "")
  outbox.put("B", 4, "args", [new ArrayBuffer(3), new ArrayBuffer(5)])
  outbox.finish("=j1")
  outbox.finish("-too late")
  assert.deepEqual(
    [...readOutbox(outbox.take())],
    [
      { op: "T", id: 1, payload: "10", buffers: 0 },
      { op: "L", id: 3, payload: "text with\nlines and 12 5\n", buffers: 0 },
      { op: "F", id: 2, payload: "", buffers: 0 },
      { op: "B", id: 4, payload: "args", buffers: 2 },
    ],
  )
  assert.deepEqual(
    [outbox.takeBuffer()?.byteLength, outbox.takeBuffer()?.byteLength, outbox.takeBuffer()],
    [3, 5, undefined],
  )
  assert.deepEqual([outbox.take(), outbox.take()], ["=j1", ""])
})

test("readOutbox refuses malformed text", () => {
  for (const text of [
    "T",
    "Z 1 1\nx",
    "T 1 5\nabc",
    "T -1 0\n",
    "T 1 99999999999\nx",
    "B 1 0 999999\n",
    "B 1 0 -1\n",
    "B 1 0 \n",
  ]) {
    assert.throws(() => [...readOutbox(text)], /malformed outbox/, text)
  }
})

test("Outbox is bounded in entries and characters", () => {
  const outbox = new Outbox()
  for (let count = 0; count < 20_000; count++) outbox.put("C", count, "")
  assert.throws(() => outbox.put("C", 1, ""), RangeError)
  assert.throws(() => new Outbox().put("B", 1, "x".repeat((64 << 20) + 1)), RangeError)
  const bytes = new Outbox()
  bytes.put("B", 1, "", [new ArrayBuffer(64 << 20)])
  assert.throws(() => bytes.put("B", 2, "", [new ArrayBuffer(1_024)]), RangeError)
  bytes.take()
  bytes.put("B", 3, "", [new ArrayBuffer(1_024)])
  const many = Array.from({ length: 20_001 }, () => new ArrayBuffer(0))
  assert.throws(() => new Outbox().put("B", 1, "", many), RangeError)
})
