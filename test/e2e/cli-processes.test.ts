import assert from "node:assert/strict"
import { spawnSync } from "node:child_process"
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { after, test } from "node:test"
import { setTimeout as delay } from "node:timers/promises"
import { descendants, isRunning, type MayflyProcess, mayfly, startMayfly } from "./mayfly-process.ts"

const folder = mkdtempSync(join(tmpdir(), "mayfly-cli-"))
after(() => rmSync(folder, { recursive: true }))
const hasProc = process.platform === "linux"
const endless = "console.log('begun'); await new Promise((resolve) => setTimeout(resolve, 60_000))"

/** Signals the process and sees to it that it and all below it go, in time. */
async function endsWholly({ child, finished }: MayflyProcess, signal: NodeJS.Signals): Promise<number | null> {
  const below = hasProc ? descendants(child.pid ?? 0) : []
  assert.ok(!hasProc || below.length > 0)
  child.kill(signal)
  const { code } = await finished
  for (const pid of below) {
    for (let waited = 0; isRunning(pid); waited += 20) {
      assert.ok(waited < 2_000, `process ${pid} is still there`)
      await delay(20)
    }
  }
  return code
}

test("Ctrl-C ends a run with 130 and leaves no process", async () => {
  const run = startMayfly(["run", "-"], { input: endless })
  await run.output(/begun/)
  assert.equal(await endsWholly(run, "SIGINT"), 130)
})

test("a run that is killed leaves no process", { skip: !hasProc }, async () => {
  const run = startMayfly(["run", "-"], { input: endless })
  await run.output(/begun/)
  await endsWholly(run, "SIGKILL")
})

test("a run whose reader goes away ends quietly", async () => {
  const run = startMayfly(["run", "-"], { input: "return 'x'.repeat(1e6)" })
  run.child.stdout?.destroy()
  const { stderr } = await run.finished
  assert.equal(stderr.includes("EPIPE"), false)
})

test("run --watch runs again when a file of the program changes, and Ctrl-C ends it wholly", async () => {
  const main = join(folder, "main.js")
  const part = join(folder, "part.js")
  writeFileSync(part, "export default 'first'\n")
  writeFileSync(main, 'import part from "./part.js"\nexport default () => part\n')
  const run = startMayfly(["run", main, "--watch"])
  await run.output(/first\n[^]*cpu /)
  writeFileSync(part, "export default 'second'\n")
  await run.output(/second\n/)
  writeFileSync(main, "syntax error here\n")
  await run.output(/worker\.syntax/)
  writeFileSync(main, "export default () => 'fourth'\n")
  await run.output(/fourth\n/)
  assert.equal(await endsWholly(run, "SIGINT"), 130)
})

test("serve prints the admin key the first time only, serves, refuses a second owner and a taken port, and stops when asked", async () => {
  const data = join(folder, "data")
  const first = startMayfly(["serve", "--port", "0", "--data", data, "--demo"])
  const [, key = ""] = await first.output(/^admin key: (mf_[\w-]{43})$/m)
  const [, url = "", port = ""] = await first.output(/^Mayfly is serving at (http:\/\/127\.0\.0\.1:(\d+))$/m)
  await first.output(/^jail: /m)
  const response = await fetch(`${url}/v1/run`, {
    method: "POST",
    headers: { authorization: `Bearer ${key}` },
    body: JSON.stringify({ script: "6 * 7" }),
  })
  assert.equal(((await response.json()) as { result: number }).result, 42)

  const taken = await mayfly(["serve", "--port", port, "--data", join(folder, "other")])
  assert.deepEqual([taken.code, taken.stderr.trim().split("\n").length], [1, 1])
  assert.match(taken.stderr, /platform\.port-in-use/)
  const second = await mayfly(["serve", "--port", "0", "--data", data])
  assert.equal(second.code, 1)
  assert.match(second.stderr, new RegExp(`platform\\.data-dir-in-use: process ${first.child.pid}`))

  assert.equal(await endsWholly(first, "SIGTERM"), 0)
  const { stdout } = await first.finished
  assert.match(stdout, /Demo: [^]*product: 'coffee', revenue: 290[^]*cpu [\d.]+ ms/)
  const again = startMayfly(["serve", "--port", "0", "--data", data])
  await again.output(/serving at/)
  assert.equal(await endsWholly(again, "SIGINT"), 0)
  assert.equal((await again.finished).stdout.includes("admin key"), false)
})

test("serve cancels runs that do not end, and stops within 5 s", async () => {
  const server = startMayfly(["serve", "--port", "0", "--data", join(folder, "drain")])
  const [, key = ""] = await server.output(/^admin key: (\S+)$/m)
  const [, url = ""] = await server.output(/serving at (\S+)/)
  const headers = { authorization: `Bearer ${key}`, accept: "text/event-stream" }
  const response = await fetch(`${url}/v1/run`, { method: "POST", headers, body: JSON.stringify({ script: endless }) })
  const started = performance.now()
  const [text] = await Promise.all([response.text(), endsWholly(server, "SIGTERM")])
  assert.match(text, /worker\.aborted/)
  assert.ok(performance.now() - started < 5_000)
})

const olderNode = findOlderNode()

test("mayfly runs under an older Node by means of its own", { skip: olderNode === undefined }, async () => {
  const node = olderNode ?? ""
  const { code, stdout, stderr } = await mayfly(["run", "-"], { input: "return 1 + 1", node })
  assert.deepEqual({ code, stdout }, { code: 0, stdout: "2\n" }, stderr)
  const run = startMayfly(["run", "-"], { input: endless, node })
  await run.output(/begun/)
  assert.equal(await endsWholly(run, "SIGINT"), 130)
  const killed = startMayfly(["run", "-"], { input: endless, node })
  await killed.output(/begun/)
  await endsWholly(killed, "SIGKILL")
})

/** A Node below 24 on the PATH. npm puts its own first, so all are asked. */
function findOlderNode(): string | undefined {
  const folders = (process.env["PATH"] ?? "").split(":")
  return folders
    .map((path) => join(path, "node"))
    .find((path) => {
      const version = spawnSync(path, ["--version"], { encoding: "utf8" }).stdout
      return /^v(?:18|2[0-3])\./.test(version ?? "")
    })
}
