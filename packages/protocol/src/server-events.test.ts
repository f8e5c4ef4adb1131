import assert from "node:assert/strict"
import { test } from "node:test"
import { serverEvents } from "./server-events.ts"

async function* cut(text: string, size: number): AsyncGenerator<Uint8Array> {
  const bytes = new TextEncoder().encode(text)
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size)
}

async function eventsOf(text: string, size: number, maxLength?: number): Promise<unknown[]> {
  const events: unknown[] = []
  for await (const event of serverEvents(cut(text, size), maxLength)) events.push(event)
  return events
}

test("serverEvents reads events however they are cut, and leaves comments out", async () => {
  const text = `event: step\ndata: {"a":"é: b"}\nid: 1\n\n: still here\n\ndata:[1,\ndata: 2]\nretry: 5\n\nevent: cut\ndata: 3\n`
  const expected = [
    { event: "step", data: { a: "é: b" }, id: "1" },
    { event: "message", data: [1, 2] },
  ]
  for (const size of [1, 2, 7, 1_000])
    for (const end of ["\n", "\r\n", "\r"])
      assert.deepEqual(await eventsOf(text.replaceAll("\n", end), size), expected, `${size} ${JSON.stringify(end)}`)
})

test("serverEvents ends a stream whose events have no end, or are no JSON", async () => {
  const long = "x".repeat(50)
  for (const text of [`data: ${long}`, `${long}: 1\n`, `data: 1\n`.repeat(20), `event: ${long}\n\n`, "data: {\n\n"])
    for (const size of [1, 1_000])
      await assert.rejects(eventsOf(text, size, 40), { code: "client.not-mayfly" }, `${text.slice(0, 20)} ${size}`)
  assert.deepEqual(await eventsOf("data: 1\n\n".repeat(20), 1_000, 40).then(({ length }) => length), 20)
})
