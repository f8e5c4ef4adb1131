import assert from "node:assert/strict"
import { execFileSync, spawnSync, type SpawnSyncReturns } from "node:child_process"
import { mkdtempSync, rmSync, truncateSync, writeFileSync } from "node:fs"
import { open } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { after, test } from "node:test"
import { fileURLToPath } from "node:url"
import { mayfly, startMayfly } from "./mayfly-process.ts"
import { PtyProcess } from "./pty-process.ts"

const folder = mkdtempSync(join(tmpdir(), "mayfly-rough-"))
after(() => rmSync(folder, { recursive: true }))

const bin = fileURLToPath(new URL("../../packages/mayfly/bin/mayfly.mjs", import.meta.url))
const command = `'${process.execPath}' --conditions=source --disable-warning=ExperimentalWarning '${bin}'`

function shell(line: string): SpawnSyncReturns<string> {
  return spawnSync("bash", ["-c", line.replaceAll("mayfly ", `${command} `)], { cwd: folder, encoding: "utf8" })
}

function file(name: string, text: string | Uint8Array): void {
  writeFileSync(join(folder, name), text)
}

test("a reader that goes away is no failure, a full disk is, and neither shows a stack", () => {
  file("much.js", 'for (let i = 0; i < 20_000; i++) console.log("line " + i); return "x".repeat(1e6)')
  assert.equal(shell("mayfly run much.js 2>/dev/null | head -c 3; echo ${PIPESTATUS[0]}").stdout, "xxx0\n")
  assert.equal(shell("mayfly run much.js 2>&1 >/dev/null | head -1; echo ${PIPESTATUS[0]}").stdout, "line 0\n0\n")
  for (const args of ["run much.js --json", "--help", "completions zsh"]) {
    const { stderr, status } = shell(`mayfly ${args} >/dev/full`)
    assert.match(stderr, /^mayfly: ENOSPC: .*Make room on that disk/m)
    assert.doesNotMatch(stderr, /\n {4}at /)
    assert.equal(status, 1)
  }
})

test("FILE may be a pipe; one that nobody writes to ends with Ctrl-C; what is huge, no text or no file is refused at once", async () => {
  assert.equal(shell("mayfly run <(echo 'return input + 1') --input @<(echo 41)").stdout, "42\n")
  execFileSync("mkfifo", [join(folder, "silent")])
  const waiting = startMayfly(["run", join(folder, "silent")])
  // Opens when it has opened it.
  const writer = await open(join(folder, "silent"), "w")
  waiting.child.kill("SIGINT")
  assert.equal((await waiting.finished).code, 130)
  await writer.close()
  file("huge.js", "")
  truncateSync(join(folder, "huge.js"), 2 ** 30)
  file("latin.js", Buffer.from([0x72, 0xff, 0xfe]))
  for (const [name, reason] of [
    ["huge.js", /has more than 100663296 bytes/],
    ["latin.js", /is not UTF-8 text/],
    ["/dev/zero", /is a device/],
    [".", /EISDIR/],
    ["missing.js", /ENOENT/],
  ] as const) {
    const { stderr, status } = shell(`mayfly run ${name}`)
    assert.match(stderr, reason)
    assert.equal(status, 2)
  }
})

test("workflow watch goes on when the server is restarted", async (context) => {
  const data = join(folder, "data")
  const serve = ["serve", "--port", "0", "--data", data]
  const first = startMayfly(serve)
  context.after(() => first.child.kill("SIGKILL"))
  await first.output(/serving at/)
  file("wait.json", '{ "steps": [{ "name": "ask", "waitForEvent": "answer" }] }')
  const started = await mayfly(["workflow", "start", join(folder, "wait.json"), "--id", "w", "--data", data])
  assert.equal(started.code, 0, started.stderr)
  const watching = startMayfly(["workflow", "watch", "w", "--data", data, "--json"])
  context.after(() => watching.child.kill("SIGKILL"))
  await watching.output(/"name":"ask"/)
  // Nothing was recorded yet; rows may come at any moment.
  const empty = await mayfly(["ledger", "ls", "--data", data])
  assert.deepEqual(empty, { code: 0, stdout: "", stderr: "" })
  first.child.kill("SIGTERM")
  await first.finished
  await watching.output(/trying again/)
  const second = startMayfly(serve)
  context.after(() => second.child.kill("SIGKILL"))
  await second.output(/serving at/)
  assert.equal((await mayfly(["workflow", "send", "w", "answer", "1", "--data", data])).code, 0)
  const { code, stdout } = await watching.finished
  assert.equal(code, 0)
  assert.equal((JSON.parse(stdout.trimEnd().split("\n").at(-1) ?? "") as { status: string }).status, "complete")
  second.child.kill("SIGTERM")
  await second.finished
})

test("attack says that all held, and bench what it measured, as JSON", async () => {
  const attacked = await mayfly(["attack", "--json"])
  const { ok, attacks } = JSON.parse(attacked.stdout) as { ok: boolean; attacks: { held: boolean }[] }
  assert.deepEqual([attacked.code, ok, attacks.filter(({ held }) => !held)], [0, true, []])
  assert.ok(attacks.length > 20)
  const measured = await mayfly(["bench", "--seconds", "1", "--clients", "2", "--json"])
  const { rows } = JSON.parse(measured.stdout) as { rows: { name: string; p50Ms: number; runsPerSecond: number }[] }
  assert.deepEqual(rows.map(({ name }) => name), ["mayfly", "mayfly, reuse", "worker_thread per run", "process per run"]) // oxfmt-ignore
  assert.ok(rows.every(({ p50Ms, runsPerSecond }) => p50Ms > 0 && runsPerSecond > 0))
  const watched = new PtyProcess(["bench", "--seconds", "60"])
  await watched.until(/measuring mayfly 1 s/)
  watched.type("\u0003")
  assert.equal((await watched.ended).exitCode, 130)
  assert.doesNotMatch(watched.shown, /mayfly: /)
})
