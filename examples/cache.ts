// What one run puts into the cache, later runs of the same worker find there; no other worker does.
import assert from "node:assert/strict"
import { createPlatform, DynamicWorker } from "mayfly"

await using platform = await createPlatform()
let computed = 0
const options = {
  script: `export default {
    async fetch(request, env, ctx) {
      const cached = await caches.default.match(request)
      if (cached) return cached
      const response = new Response("result " + await env.compute(), { headers: { "cache-control": "max-age=60", etag: '"1"' } })
      ctx.waitUntil(caches.default.put(request, response.clone()))
      return response
    } }`,
  env: { compute: () => ++computed },
  platform,
}
const ask = async (worker: DynamicWorker, headers = {}): Promise<[number, string, string | null]> => {
  const response = await worker.fetch("https://any.example/", { headers })
  return [response.status, await response.text(), response.headers.get("cf-cache-status")]
}
const worker = await DynamicWorker.create(options)
assert.deepEqual(await ask(worker), [200, "result 1", null])
assert.deepEqual(await ask(worker), [200, "result 1", "HIT"])
assert.deepEqual(await ask(worker, { "if-none-match": '"1"' }), [304, "", "HIT"])
assert.deepEqual(await ask(await DynamicWorker.create(options)), [200, "result 2", null])
