// A handler's response is read while it is written; the caller's pace is the handler's pace.
import assert from "node:assert/strict"
import { createPlatform, DynamicWorker } from "mayfly"

await using platform = await createPlatform()
const worker = await DynamicWorker.create({
  script: `export default {
    fetch() {
      let n = 0
      return new Response(new ReadableStream({
        async pull(controller) {
          await new Promise((done) => setTimeout(done, 10))
          if (++n > 3) controller.close()
          else controller.enqueue(new TextEncoder().encode("chunk " + n + "\\n"))
        },
      }), { headers: { "content-type": "text/plain" } })
    } }`,
  platform,
})
const response = await worker.fetch("https://example.com/")
const chunks: string[] = []
for await (const chunk of response.body ?? []) chunks.push(new TextDecoder().decode(chunk))
assert.equal(chunks.join(""), "chunk 1\nchunk 2\nchunk 3\n")
assert.ok(chunks.length > 1)
