import assert from "node:assert/strict"
import { spawn } from "node:child_process"
import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { after, before, test } from "node:test"
import { fileURLToPath } from "node:url"
import { serverApi } from "../../packages/mayfly/src/cli/http-api.ts"
import { remoteLedger } from "../../packages/mayfly/src/cli/remote-ledger.ts"
import { mayflyHere } from "./mayfly-here.ts"
import { type Finished, mayfly, startMayfly } from "./mayfly-process.ts"

const folder = mkdtempSync(join(tmpdir(), "mayfly-profiles-"))
const kept = join(folder, "config", "mayfly", "profiles")
// What this shell has set must not decide where a test's commands go.
const env = { XDG_CONFIG_HOME: join(folder, "config"), MAYFLY_URL: "", MAYFLY_KEY: "", MAYFLY_PROFILE: "" }
Object.assign(process.env, env)
const server = startMayfly(["serve", "--port", "0", "--data", join(folder, "data")], { env })
let [url, key] = ["", ""]

before(async () => {
  ;[, key = ""] = await server.output(/admin key: (mf_\S+)/)
  ;[, url = ""] = await server.output(/serving at (\S+)/)
  assert.equal((await cli(["login", url, "--name", "here", "--key", key])).code, 0)
})

after(async () => {
  server.child.kill("SIGTERM")
  await server.finished
  rmSync(folder, { recursive: true })
})

/** In this process, unless something comes by stdin. */
function cli(args: readonly string[], input?: string): Promise<Finished> {
  return input === undefined ? mayflyHere(args) : mayfly(args, { input })
}

test("login keeps a key that the server takes, in a private file, and shows it nowhere", async () => {
  const made = await cli(["login", url, "--name", "prod", "--json"], `${key}\n`)
  const { name, scopes } = JSON.parse(made.stdout) as { name: string; scopes: string[] }
  assert.deepEqual([made.code, name, scopes.includes("admin")], [0, "prod", true], made.stderr)
  assert.equal(statSync(join(kept, "prod.json")).mode & 0o777, 0o600)
  const wrong = await cli(["login", url, "--name", "prod", "--key", `mf_${"x".repeat(43)}`])
  assert.deepEqual([wrong.code, /auth\./.test(wrong.stderr)], [1, true], wrong.stderr)
  assert.deepEqual(JSON.parse(readFileSync(join(kept, "prod.json"), "utf8")), { url, key })
  const listed = await cli(["profiles", "--json"])
  assert.ok(listed.stdout.includes(`{"name":"prod","url":"${url}","isDefault":false}\n`), listed.stdout)
  for (const { stdout, stderr } of [made, wrong, listed]) assert.ok(!(stdout + stderr).includes(key))
  assert.deepEqual(
    readdirSync(kept).filter((file) => file.endsWith(".tmp")),
    [],
  )
  chmodSync(join(kept, "prod.json"), 0o644)
  const open = await cli(["runs", "ls", "--profile", "prod"])
  assert.deepEqual([open.code, /others may read/.test(open.stderr)], [2, true])
  // Where no folder can be made, the system's reason is one line.
  process.env["XDG_CONFIG_HOME"] = join(kept, "here.json")
  const full = await cli(["login", url, "--name", "prod", "--key", key])
  process.env["XDG_CONFIG_HOME"] = env.XDG_CONFIG_HOME
  assert.deepEqual([full.code, /^mayfly: E[A-Z]+:.*\n$/.test(full.stderr)], [1, true], full.stderr)
  assert.equal((await cli(["logout", "prod"])).code, 0)
  assert.equal((await cli(["logout", "prod"])).code, 2)
})

test("login asks for the key on a terminal and does not show it", async (context) => {
  const bin = fileURLToPath(new URL("../../packages/mayfly/bin/mayfly.mjs", import.meta.url))
  const line = `${process.execPath} --conditions=source --disable-warning=ExperimentalWarning ${bin} login ${url} --name typed`
  const terminal = spawn("script", ["-qec", line, "/dev/null"], { env: { ...process.env, ...env } })
  let shown = ""
  terminal.on("error", () => context.skip("there is no script command"))
  const code = await new Promise<number | null>((resolve) => {
    terminal.stdout.on("data", (part) => {
      const isAsked = !shown.includes("key: ") && (shown + String(part)).includes("key: ")
      shown += String(part)
      if (isAsked) terminal.stdin.write(`${key}\r`)
    })
    terminal.once("close", resolve)
  })
  assert.deepEqual([code, /logged in/.test(shown), shown.includes(key)], [0, true, false], shown)
  assert.deepEqual(JSON.parse(readFileSync(join(kept, "typed.json"), "utf8")), { url, key })
})

test("every list of a server prints an object per line with --json", async () => {
  const set = await cli(["secrets", "set", "TOKEN", "--json", "--profile", "here"], "a long value")
  assert.deepEqual([set.code, set.stdout], [0, '{"ok":true}\n'], set.stderr)
  await cli(["keys", "create", "ci", "--scope", "run", "--profile", "here"])
  const groups = ["keys", "secrets", "approvals", "workflow", "sandbox", "tenants", "runs", "worker", "ledger"]
  const all = await Promise.all(groups.map((group) => cli([group, "ls", "--json", "--profile", "here"])))
  for (const [index, { code, stdout, stderr }] of all.entries()) {
    const name = groups[index] ?? ""
    assert.deepEqual([code, stderr], [0, ""], name)
    const rows = stdout.split("\n").filter((line) => line !== "")
    for (const row of rows) assert.equal(typeof JSON.parse(row), "object", name)
    if (["secrets", "keys"].includes(name)) assert.ok(rows.length > 0, name)
  }
})

test("the ledger of a server is exported as it is there, the oldest row first, page by page", async () => {
  const file = join(folder, "fetches.js")
  writeFileSync(file, "for (let n = 0; n < 5; n++) await fetch(`https://denied.example/${n}`).catch(() => 0)")
  await cli(["run", file, "--profile", "here"])
  const [here, there] = await Promise.all([
    cli(["ledger", "export", "--data", join(folder, "data")]),
    cli(["ledger", "export", "--profile", "here"]),
  ])
  assert.deepEqual([there.stdout, there.stdout.split("\n").length], [here.stdout, 6])
  await using ledger = remoteLedger(serverApi(new URL(url), key), 2)
  let rows = ""
  for await (const page of ledger.export("jsonl")) rows += page
  assert.equal(rows, here.stdout)
  const verified = await cli(["ledger", "verify", "--profile", "here", "--json"])
  assert.equal((JSON.parse(verified.stdout) as { ok: boolean }).ok, true)
})

test("run --profile prints and ends as run does here", async () => {
  const programs = {
    "ok.ts":
      "export default { run(input: { n: number }) { console.log('hello'); return new Map([[1, input.n * 2]]) } }",
    "throws.js": "console.warn('before')\nnull.x",
    "syntax.js": "return (",
  }
  for (const [name, text] of Object.entries(programs)) {
    const file = join(folder, name)
    writeFileSync(file, text)
    const [here, there] = await Promise.all([
      cli(["run", file, "--input", '{"n":21}']),
      cli(["run", file, "--input", '{"n":21}', "--profile", "here"]),
    ])
    const told = ({ code, stdout, stderr }: Finished) => ({ code, stdout, stderr: stderr.replace(/^cpu .*$/m, "cpu") })
    assert.deepEqual(told(there), told(here), name)
  }
  const json = await cli(["run", join(folder, "throws.js"), "--json", "--profile", "here"])
  const { ok, error } = JSON.parse(json.stdout) as { ok: boolean; error: { code: string } }
  assert.deepEqual([json.code, ok, error.code], [1, false, "worker.guest"])
  const secret = await cli(["run", join(folder, "ok.ts"), "--secret", "A=b", "--profile", "here"])
  assert.deepEqual([secret.code, /mayfly secrets set/.test(secret.stderr)], [2, true])
})

test("Ctrl-C ends a run on the server, with 130", async () => {
  const run = startMayfly(["run", "-", "--profile", "here"], {
    env,
    input: "console.log('started'); await new Promise(() => setTimeout(() => {}, 25_000))",
  })
  await run.output(/started/)
  run.child.kill("SIGINT")
  assert.equal((await run.finished).code, 130)
  for (let isOver = false; !isOver;) {
    const { stdout } = await cli(["runs", "ls", "--status", "cancelled", "--json", "--profile", "here"])
    isOver = stdout !== ""
  }
})

test("exit codes are those of docs/reference/cli.md", async () => {
  writeFileSync(join(kept, "gone.json"), JSON.stringify({ url: "http://127.0.0.1:9", key }), { mode: 0o600 })
  const follow = startMayfly(["ledger", "ls", "--follow", "--profile", "here"], { env })
  const codes = await Promise.all([
    cli(["keys", "create", "x", "--profile", "here"]),
    cli(["ledgr"]),
    cli(["ledger", "ls", "--folow"]),
    cli(["runs", "ls", "--profile", "gone"]),
    cli(["runs", "ls", "--profile", "nobody"]),
    cli(["runs", "ls", "--url", `${url}/path`]),
    cli(["runs", "ls", "--url", url]),
    cli(["runs", "show", "run_nothing", "--profile", "here"]),
  ])
  assert.deepEqual(
    codes.map(({ code }) => code),
    [2, 2, 2, 1, 2, 2, 2, 1],
    codes.map(({ stderr }) => stderr).join(""),
  )
  assert.match(codes[1]?.stderr ?? "", /Did you mean ledger/)
  assert.match(codes[2]?.stderr ?? "", /Did you mean --follow/)
  for (const { stderr } of codes) assert.doesNotMatch(stderr, /\n\s+at /)
  const denied = join(folder, "denied.js")
  writeFileSync(denied, "await fetch('https://denied.example').catch(() => 0)")
  await cli(["run", denied, "--profile", "here"])
  await follow.output(/denied\.example/)
  follow.child.kill("SIGTERM")
  assert.equal((await follow.finished).code, 143)
})

test("a server that is killed in the middle of a run is said to be gone", async () => {
  const input = "console.log('begun'); await new Promise((resolve) => setTimeout(resolve, 25_000))"
  for (const flags of [[], ["--json"]]) {
    const box = startMayfly(["serve", "--port", "0", "--data", join(folder, `killed${flags.length}`)], { env })
    const [, ownKey = ""] = await box.output(/admin key: (mf_\S+)/)
    const [, ownUrl = ""] = await box.output(/serving at (\S+)/)
    const asked = ["run", "-", "--url", ownUrl, ...flags]
    const run = startMayfly(asked, { input, env: { ...env, MAYFLY_KEY: ownKey } })
    // With --json nothing is shown before the end.
    if (flags.length === 0) await run.output(/begun/)
    else while (!(await ownRuns(ownUrl, ownKey)).includes("running"));
    box.child.kill("SIGKILL")
    const { code, stdout, stderr } = await run.finished
    const expected =
      flags.length === 0 ? /mayfly: server\.unreachable: .*\n$/ : /^\{.*"code":"server\.unreachable".*\}\n$/
    assert.match(flags.length === 0 ? stderr : stdout, expected)
    assert.equal(code, 1)
    await box.finished
  }
})

async function ownRuns(ownUrl: string, ownKey: string): Promise<string> {
  const answer = await fetch(`${ownUrl}/v1/runs`, { headers: { authorization: `Bearer ${ownKey}` } })
  return answer.text()
}
