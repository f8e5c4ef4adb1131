// What a coding agent does: clone a repository, install, run its tests, start its server, show it. All under a policy, all there again after a stop.
// Needs Linux, bubblewrap and git. Checks itself: node --conditions=source examples/coding-agent.ts
import assert from "node:assert/strict"
import { execFileSync } from "node:child_process"
import { lookup } from "node:dns/promises"
import { once } from "node:events"
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { createServer } from "node:http"
import { get } from "node:http"
import type { AddressInfo } from "node:net"
import { hostname, tmpdir } from "node:os"
import { join } from "node:path"
import { text } from "node:stream/consumers"
import { createPlatform, Sandbox } from "mayfly"

// A repository and a package on this machine, in place of the world's.
const folder = mkdtempSync(join(tmpdir(), "mayfly-coding-agent-"))
const world = createServer((request, answer) => {
  try {
    answer.end(readFileSync(join(folder, new URL(request.url ?? "/", "http://x").pathname)))
  } catch {
    answer.writeHead(404).end()
  }
})
const { address } = await lookup(hostname())
world.listen(0, address)
await once(world, "listening")
const origin = `http://${hostname()}:${(world.address() as AddressInfo).port}`
makeWorld()

await using platform = await createPlatform({ hosts: 1, spare: false })
const sandbox = await Sandbox.create({ platform, network: { allowedOrigins: [origin] }, limits: { diskMb: 512 } })
try {
  const { path } = await sandbox.git.clone(`${origin}/project.git`)
  const hasNpm = (await sandbox.exec("command -v npm")).success
  const install = hasNpm
    ? "npm install --no-audit --no-fund"
    : `mkdir -p node_modules && curl -sS ${origin}/greeting.tgz | tar xz -C node_modules && mv node_modules/package node_modules/greeting`
  const installed = await sandbox.exec(install, { cwd: path, timeoutMs: 60_000 })
  assert.equal(installed.exitCode, 0, installed.stderr)

  const tested = await sandbox.exec("node --test", { cwd: path, timeoutMs: 60_000 })
  assert.equal(tested.exitCode, 0, tested.stdout)
  assert.match(tested.stdout, /pass 1/)

  assert.equal(await show(), "hello from the project")

  // Nothing else can be reached.
  assert.equal((await sandbox.exec("curl -sS -m 10 https://elsewhere.example")).success, false)

  const sum = "find . -path ./.git -prune -o -type f -exec sha256sum {} + | sort"
  const before = await sandbox.exec(sum, { cwd: path })
  await sandbox.stop()
  assert.equal((await sandbox.exec(sum, { cwd: path })).stdout, before.stdout)
  assert.equal(await show(), "hello from the project")
  const rows = await platform.ledger.query({ decision: "allow" })
  assert.ok(rows.rows.length > 0 && rows.rows.every((row) => row.sandboxId === sandbox.id))

  async function show(): Promise<string> {
    const server = await sandbox.spawn(["node", "server.js"], { cwd: path })
    await server.waitForPort(3000, { timeoutMs: 20_000 })
    const { url } = await sandbox.expose(3000)
    const { host, port } = new URL(url)
    // A browser finds *.localhost by itself; Node's resolver may not.
    const [answer] = await once(get({ host: "127.0.0.1", port, headers: { host } }), "response")
    const shown = await text(answer)
    await server.kill()
    return shown
  }
} finally {
  await sandbox.destroy()
  world.close()
  rmSync(folder, { recursive: true })
}

function makeWorld(): void {
  const run = (command: string, ...args: string[]): void =>
    void execFileSync(command, args, { cwd: folder, stdio: "ignore" })
  const write = (path: string, content: string): void => writeFileSync(join(folder, path), content)
  mkdirSync(join(folder, "package"))
  write("package/package.json", JSON.stringify({ name: "greeting", version: "1.0.0", main: "index.js" }))
  write("package/index.js", `module.exports = (who) => "hello from " + who`)
  run("tar", "czf", "greeting.tgz", "package")
  mkdirSync(join(folder, "project"))
  write(
    "project/package.json",
    JSON.stringify({ name: "project", dependencies: { greeting: `${origin}/greeting.tgz` } }),
  )
  write(
    "project/server.js",
    `require("http").createServer((q, r) => r.end(require("greeting")("the project"))).listen(3000)`,
  )
  write(
    "project/greeting.test.js",
    `require("node:test")("it greets", () => require("assert").equal(require("greeting")("a"), "hello from a"))`,
  )
  run("git", "init", "-q", "project")
  run("git", "-C", "project", "add", ".")
  run("git", "-C", "project", "-c", "user.name=a", "-c", "user.email=a@example.com", "commit", "-q", "-m", "A project")
  run("git", "clone", "-q", "--bare", "project", "project.git")
  run("git", "-C", "project.git", "update-server-info")
}
