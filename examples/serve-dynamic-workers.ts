// Serves workers/dynamic-workers.ts, which is what Cloudflare documents for dynamic workers, and checks each of its answers.
import assert from "node:assert/strict"
import { spawn } from "node:child_process"
import { once } from "node:events"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"

const command = fileURLToPath(new URL("../packages/mayfly/bin/mayfly.mjs", import.meta.url))
const file = fileURLToPath(new URL("workers/dynamic-workers.ts", import.meta.url))
const folder = mkdtempSync(join(tmpdir(), "mayfly-example-"))
const options = ["--port", "0", "--worker-port", "0", "--data", join(folder, "data")]
const server = spawn(process.execPath, [...process.execArgv, command, "serve", file, ...options], {
  stdio: ["ignore", "pipe", "pipe"],
})
let printed = ""
for (const stream of [server.stdout, server.stderr]) stream.on("data", (text: Buffer) => (printed += text.toString()))
try {
  const url = await printedUrl()
  const get = async (path: string): Promise<unknown> => {
    const text = await (await fetch(`${url}/${path}`)).text()
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
