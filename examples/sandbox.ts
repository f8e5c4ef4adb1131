// A workspace for an agent: a shell, real files, a server with an address, copies that go their own way. Needs Linux and bubblewrap.
// Checks itself: node --conditions=source examples/sandbox.ts
import assert from "node:assert/strict"
import { createPlatform, Sandbox } from "mayfly"

await using platform = await createPlatform({ hosts: 1, spare: false })
const sandbox = await Sandbox.create({ platform, limits: { memoryMb: 512, diskMb: 256 }, env: { STAGE: "test" } })

// Commands: what they print, how they end. That one fails is no exception.
const { exitCode, stdout, stderr } = await sandbox.exec("echo $STAGE; ls /nowhere", { timeoutMs: 10_000 })
assert.deepEqual([exitCode, stdout], [2, "test\n"])
assert.match(stderr, /No such file/)

// Files, as seen from inside: relative paths are below /workspace.
await sandbox.files.write("site/index.html", "<h1>It works</h1>")
assert.equal(await sandbox.files.read("site/index.html", { encoding: "utf8" }), "<h1>It works</h1>")

// A shell keeps its folder, variables and functions.
await using shell = await sandbox.shell()
await shell.exec("cd site; greet() { echo hello from $PWD; }")
assert.equal((await shell.exec("greet")).stdout, "hello from /workspace/site\n")

// A server in the background, and an address that shows it to whoever has it.
const serve = `require("http").createServer((q, r) => r.end(require("fs").readFileSync("index.html"))).listen(3000, () => console.log("ready"))`
const server = await sandbox.spawn(["node", "-e", serve], { cwd: "site" })
await server.waitForLog("ready", { timeoutMs: 20_000 })
await server.waitForPort(3000)
const { url } = await sandbox.expose(3000)
assert.match(url, /^http:\/\/3000-.*\.localhost:\d+\/$/)

// Nothing can be reached from inside, since no policy says so.
assert.notEqual(
  (await sandbox.exec("node -e 'fetch(\"https://example.com\").catch(() => process.exit(7))'")).exitCode,
  0,
)

// Python and JavaScript with state, and results in the forms that they have.
await sandbox.runCode("python", "squares = [n * n for n in range(4)]")
const { results } = await sandbox.runCode("python", "squares")
assert.deepEqual(results[0]?.json, [0, 1, 4, 9])

// A copy goes its own way; a stop keeps the files.
const fork = await sandbox.fork()
await fork.files.write("site/index.html", "changed in the fork")
await sandbox.stop()
assert.equal((await sandbox.exec("cat site/index.html")).stdout, "<h1>It works</h1>")

await fork.destroy()
await sandbox.destroy()
await assert.rejects(sandbox.exec("true"), { code: "sandbox.destroyed" })
