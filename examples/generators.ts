// A program that yields: its values come as it makes them, and it stops when nobody reads on.
import assert from "node:assert/strict"
import { createPlatform, DynamicWorker } from "mayfly"

await using platform = await createPlatform()
const closed: string[] = []
const worker = await DynamicWorker.create({
  script: `async function* (input, env) {
    try {
      for (let page = 1; page <= input.pages; page++) {
        console.log("reading page", page)
        yield await env.read(page)
      }
      return "all read"
    } finally {
      await env.close()
    }
  }`,
  env: { read: (page: number) => ({ page, rows: page * 10 }), close: () => void closed.push("closed") },
  platform,
})

const seen: unknown[] = []
for await (const event of worker.stream({ pages: 2 })) {
  if (event.type === "log") seen.push(event.message)
  if (event.type === "value") seen.push(event.value)
  if (event.type === "result") seen.push(event.result)
}
assert.deepEqual(seen, ["reading page 1", { page: 1, rows: 10 }, "reading page 2", { page: 2, rows: 20 }, "all read"])

for await (const event of worker.stream({ pages: 1_000_000 })) if (event.type === "value") break
assert.deepEqual(closed, ["closed", "closed"])

// Without a reader: all values, as an array.
assert.deepEqual(await worker.run({ pages: 1 }), [{ page: 1, rows: 10 }])
