// Serves workers/worker.ts with the real command on a free port, posts code to it, checks the answers, stops it.
import assert from "node:assert/strict"
import { serveWorker } from "./support/serve-worker.ts"

await using server = await serveWorker("worker.ts", ["--env", "API_TOKEN=secret"])
const post = async (path: string, body: string): Promise<unknown> =>
  (await fetch(server.url + path, { method: "POST", body })).json()

const script = "export default (input: number[]) => input.reduce((sum, n) => sum + n, 0)"
assert.deepEqual(await post("/run", JSON.stringify({ script, input: [1, 2, 3] })), { result: 6 })

const endless = (await post("/run", JSON.stringify({ script: "for (;;);" }))) as { error: { code: string } }
assert.equal(endless.error.code, "worker.cpu-limit")

assert.deepEqual(await post("/notes", "hello"), {
  note: "alice wrote hello",
  data: { authorization: "Bearer 6 characters" },
  other: 403,
})
