import assert from "node:assert/strict"
import { test } from "node:test"
import { all, hostile, trust } from "./hostile-server.ts"

/** Of a stream, of an event and of an answer that go on for ever, this much may be held on the way to the refusal. */
const mostBytes = 1_500 << 20

for (const type of ["text/event-stream", "application/json"])
  test(`an answer without end is ended here (${type})`, async () => {
    const url = await hostile((_, response) => {
      response.setHeader("content-type", type)
      response.write("data: ")
      const more = (): void => void (response.destroyed || response.write("x".repeat(1 << 20), more))
      more()
    })
    const { approvals } = trust(url)
    const before = process.memoryUsage().rss
    await assert.rejects(type === "application/json" ? approvals.list() : all(approvals.follow()), {
      code: "client.not-mayfly",
    })
    assert.ok(process.memoryUsage().rss - before < mostBytes)
  })
