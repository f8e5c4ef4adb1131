// Serves workers/worker.ts with the real command on a free port, posts code to it, checks the answers, stops it.
import assert from "node:assert/strict"
import { spawn } from "node:child_process"
import { once } from "node:events"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"

const command = fileURLToPath(new URL("../packages/mayfly/bin/mayfly.mjs", import.meta.url))
const file = fileURLToPath(new URL("workers/worker.ts", import.meta.url))
const folder = mkdtempSync(join(tmpdir(), "mayfly-example-"))
const options = ["--port", "0", "--worker-port", "0", "--data", join(folder, "data"), "--env", "API_TOKEN=secret"]
const server = spawn(process.execPath, [...process.execArgv, command, "serve", file, ...options], {
  stdio: ["ignore", "pipe", "pipe"],
})
let printed = ""
for (const stream of [server.stdout, server.stderr]) stream.on("data", (text: Buffer) => (printed += text.toString()))
try {
  const url = await printedUrl()
  const post = async (path: string, body: string): Promise<unknown> =>
    (await fetch(url + path, { method: "POST", body })).json()

  const script = "export default (input: number[]) => input.reduce((sum, n) => sum + n, 0)"
  assert.deepEqual(await post("/run", JSON.stringify({ script, input: [1, 2, 3] })), { result: 6 })

  const endless = (await post("/run", JSON.stringify({ script: "for (;;);" }))) as { error: { code: string } }
  assert.equal(endless.error.code, "worker.cpu-limit")

  assert.deepEqual(await post("/notes", "hello"), {
    note: "alice wrote hello",
    data: { authorization: "Bearer 6 characters" },
    other: 403,
  })
} finally {
  server.kill("SIGTERM")
  if (server.exitCode === null) await once(server, "exit")
  rmSync(folder, { recursive: true })
}
assert.equal(server.exitCode, 0)

/** The server prints its addresses when it is ready. */
function printedUrl(): Promise<string> {
  return new Promise((resolve, reject) => {
    server.stdout.on("data", () => {
      const match = /^worker is serving at (\S+)$/m.exec(printed)
      if (match !== null) resolve(match[1] ?? "")
    })
    server.once("exit", () => reject(new Error(`the server ended: ${printed}`)))
  })
}
