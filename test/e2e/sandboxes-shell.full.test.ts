import assert from "node:assert/strict"
import { request } from "node:http"
import { join } from "node:path"
import { test } from "node:test"
import { type Finished, mayfly, startMayfly } from "./mayfly-process.ts"
import { PtyProcess } from "./pty-process.ts"
import { data, folder, key, local, run, url } from "./sandbox-commands.ts"

/** Processes, previews, copies. */

const ok = (stdout = ""): Finished => ({ code: 0, stdout, stderr: "" })

test("sh leaves the terminal as it was when it can't begin", async () => {
  const none = new PtyProcess(["sandbox", "sh", "--data", data, "nobody"])
  assert.equal((await none.ended).exitCode, 1)
  assert.match(none.shown, /sandbox\.not-found/)
  assert.ok(!none.shown.includes("\x1b[?1049l"))
  const away = new PtyProcess(["sandbox", "sh", "box"], { env: { MAYFLY_URL: "http://127.0.0.1:1", MAYFLY_KEY: key } })
  assert.equal((await away.ended).exitCode, 1)
  assert.match(away.shown, /server\.unreachable/)
  const piped = await local("sh", "box")
  assert.deepEqual([piped.code, /input\.invalid: sh needs a terminal/.test(piped.stderr)], [2, true])
})

test("sh works in a directory that nobody owns, and other commands reach it meanwhile", async () => {
  const own = join(folder, "own")
  assert.equal((await mayfly(["sandbox", "create", "--data", own, "mine"])).code, 0)
  const shell = new PtyProcess(["sandbox", "sh", "--data", own, "mine"])
  await shell.until(/\$ $/)
  shell.type("echo hel''lo > note; echo do''ne\r")
  await shell.until(/done/)
  assert.deepEqual(await mayfly(["sandbox", "exec", "--data", own, "mine", "cat note"]), ok("hello\n"))
  shell.type("exit 3\r")
  assert.equal((await shell.ended).exitCode, 3)
})

test("processes are left running, listed in one line each, followed and killed", async () => {
  const command =
    "printf 'a\\033[31mb\\033]0;title\\007\\n'; until [ -e go ]; do sleep 0.05; done; echo went; sleep 1000"
  const started = await local("exec", "--detach", "box", command)
  const id = started.stdout.trim()
  assert.match(id, /^p-[0-9a-f]{12}$/)
  const ps = await local("ps", "box")
  assert.equal(ps.stdout.split("\n").length, 2)
  assert.match(ps.stdout, new RegExp(`running +${id} `))
  const followed = startMayfly(["sandbox", "logs", "-f", "--data", data, "box", id])
  await followed.output(/title/)
  await run("touch go")
  await followed.output(/went/)
  const killed = JSON.parse((await local("kill", "--json", "box", id)).stdout) as { status: string }
  assert.equal(killed.status, "killed")
  assert.deepEqual((await followed.finished).code, 0)
  const [logs = ""] = (await local("logs", "--json", "box", id)).stdout.split("\n")
  assert.equal((JSON.parse(logs) as { stream: string }).stream, "stdout")
  const hostile = await local("exec", "--detach", "box", "true '\u001b]0;owned\u0007\u202e'\n#x")
  assert.equal(hostile.code, 0)
  const list = await local("ps", "box")
  assert.doesNotMatch(list.stdout, /[\u001b\u0007\u202e]/)
  assert.equal(list.stdout.trimEnd().split("\n").length, 2)
})

test("a port is shown and taken back; forks, snapshots and stops, as text and as JSON", async () => {
  await local(
    "exec",
    "--detach",
    "box",
    "node -e 'require(`http`).createServer((q, r) => r.end(`shown`)).listen(3000)'",
  )
  const [shown = ""] = (await local("expose", "box", "3000")).stdout.split("\n")
  const look = (): Promise<string> =>
    new Promise((resolve, reject) => {
      const options = { host: "127.0.0.1", port: new URL(url).port, headers: { host: new URL(shown).host } }
      request(options, (answer) => {
        let body = ""
        answer.on("data", (chunk) => (body += String(chunk))).on("end", () => resolve(`${answer.statusCode} ${body}`))
      })
        .on("error", reject)
        .end()
    })
  while ((await look()).startsWith("502"));
  assert.equal(await look(), "200 shown")
  assert.deepEqual(await local("unexpose", "box", "3000"), ok())
  assert.match(await look(), /^404/)
  await run("echo kept > kept.txt")
  const snapshot = (await local("snapshot", "box")).stdout.trim()
  assert.match(snapshot, /^snap-/)
  assert.match((await local("snapshots")).stdout, new RegExp(`${snapshot}  box  [\\d.]+ MiB\\n$`))
  assert.deepEqual(await local("create", "--from", snapshot, "again"), ok("again\n"))
  assert.deepEqual(await local("fork", "again", "forked"), ok("forked\n"))
  const result = JSON.parse((await local("exec", "--json", "forked", "cat kept.txt; exit 4")).stdout) as object
  assert.deepEqual({ ...result, durationMs: 0 }, { exitCode: 4, success: false, signal: null, stdout: "kept\n", stderr: "", timedOut: false, truncated: false, durationMs: 0 }) // oxfmt-ignore
  assert.deepEqual(await local("stop", "--json", "forked"), ok(`{"ok":true}\n`))
  assert.deepEqual(await local("snapshot", "--rm", snapshot, "box"), ok())
  const alone = await mayfly(["sandbox", "expose", "--data", join(folder, "own"), "mine", "3000"])
  assert.deepEqual([alone.code, /needs a server/.test(alone.stderr)], [2, true])
})
