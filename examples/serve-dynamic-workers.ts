// Serves workers/dynamic-workers.ts, which is what Cloudflare documents for dynamic workers, and checks each of its answers.
import assert from "node:assert/strict"
import { serveWorker } from "./support/serve-worker.ts"

await using server = await serveWorker("dynamic-workers.ts")
const get = async (path: string): Promise<unknown> => {
  const text = await (await fetch(`${server.url}/${path}`)).text()
  return text.startsWith("[") ? (JSON.parse(text) as unknown) : text
}
assert.equal(await get("load"), "loaded once")
assert.deepEqual(await get("get"), ["loaded by id", "loaded by id", 1])
assert.equal(await get("bindings"), "hello Ada (in #agents)")
assert.deepEqual(await get("egress"), [{ pathname: "/data", isAuthorized: true }, 403, true])
assert.deepEqual(await get("tails"), [["w1", "ok", [["working 1"]]]])
assert.match(String(await get("limits")), /limits\.cpuMs is 20$/)
assert.deepEqual(await get("assets"), [
  [200, "text/html", "<h1>hello</h1>"],
  [200, "text/javascript", "console.log('hello')"],
  [404, "text/plain;charset=UTF-8", "not found"],
  [200, "application/json", '{"hello":"world"}'],
])
