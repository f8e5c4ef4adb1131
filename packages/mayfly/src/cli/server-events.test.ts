import assert from "node:assert/strict"
import { test } from "node:test"
import { serverEvents } from "./server-events.ts"

async function* cut(text: string, size: number): AsyncGenerator<Uint8Array> {
  const bytes = new TextEncoder().encode(text)
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size)
}

test("serverEvents reads events however they are cut, and leaves comments out", async () => {
  const text = `event: step\ndata: {"a":"é: b"}\nid: 1\n\n: still here\n\nevent: end\ndata: 2\n\nevent: cut\ndata: 3\n`
  for (const size of [1, 2, 7, 1_000]) {
    const events: unknown[] = []
    for await (const event of serverEvents(cut(text, size))) events.push(event)
    assert.deepEqual(events, [
      { event: "step", data: { a: "é: b" } },
      { event: "end", data: 2 },
    ])
  }
})
