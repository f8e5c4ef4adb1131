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
      { event: "step", data: { a: "é: b" }, id: "1" },
      { event: "end", data: 2 },
    ])
  }
})

test("serverEvents refuses what no server of Mayfly's sends", async () => {
  for (const [text, reason] of [
    [`event: x\ndata: {\n\n`, /is no JSON/],
    [`event: x\ndata: "${"x".repeat(100)}`, /more than 64 characters/],
  ] as const) {
    const read = async (): Promise<void> => {
      for await (const _ of serverEvents(cut(text, 7), 64));
    }
    await assert.rejects(read(), { code: "server.unreachable", message: reason })
  }
})
