import assert from "node:assert/strict"
import { execFileSync } from "node:child_process"
import { once } from "node:events"
import { mkdtempSync, readFileSync, rmSync } from "node:fs"
import { createServer, type RequestListener } from "node:http"
import { createServer as createSecureServer } from "node:https"
import { type AddressInfo, createServer as createNetServer } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { after, test } from "node:test"
import type { SecureContext } from "node:tls"
import { createAuthority, createHttpEgress } from "@mayfly/mesh"
import { Sandbox, Sandboxes } from "@mayfly/sandbox"
import { openStore } from "@mayfly/store"
import { createSandboxEgress } from "./sandbox-egress.ts"

const store = openStore()
const egress = createHttpEgress({ lookup: () => Promise.resolve(["127.0.0.1"]) })
const home = new Sandboxes({ store: () => store, egress: createSandboxEgress(egress) })
const platform = { env: { SANDBOX: home } }
after(async () => {
  await home.dispose()
  await egress.close()
  await (await store).close()
})

async function serve(listener: RequestListener): Promise<number> {
  const server = createServer(listener).listen(0, "127.0.0.1")
  after(() => server.close())
  await once(server, "listening")
  return (server.address() as AddressInfo).port
}

test("curl, Node, Python and bash reach what the policy names, by its name alone, and nothing else", async () => {
  const port = await serve(
    (request, answer) => void answer.end(`${request.method} ${request.headers.host} ${request.url}`),
  )
  const network = { allowedOrigins: [`http://api.test:${port}`] }
  await using sandbox = await Sandbox.create({ platform, network })
  const url = `http://api.test:${port}/a`
  const answer = `GET api.test:${port} /a`
  assert.equal((await sandbox.exec(["curl", "-sS", url])).stdout, answer)
  assert.equal(
    (await sandbox.exec(["node", "-e", `fetch("${url}").then((r) => r.text()).then(console.log)`])).stdout.trim(),
    answer,
  )
  const python = `import urllib.request; print(urllib.request.urlopen("${url}").read().decode())`
  assert.equal((await sandbox.exec(["python3", "-c", python])).stdout.trim(), answer)
  const raw = await sandbox.exec(
    `exec 3<>/dev/tcp/api.test/${port}; printf 'GET /a HTTP/1.1\\r\\nhost: api.test:${port}\\r\\nconnection: close\\r\\n\\r\\n' >&3; cat <&3`,
  )
  assert.match(raw.stdout, /^HTTP\/1\.1 200 OK/)
  assert.equal((await sandbox.exec(["curl", "-sS", `http://other.test:${port}/`])).exitCode, 6)
  // The listener for the port hears this too, knows no name for the address, and hangs up.
  const direct = await sandbox.exec(["curl", "-sS", "-m", "5", `http://127.0.0.1:${port}/`])
  assert.deepEqual([direct.success, direct.stdout], [false, ""])
  assert.equal((await sandbox.exec(["curl", "-sS", "-m", "5", "http://169.254.169.254/"])).exitCode, 7)
  // The way out is opened anew with each start.
  await sandbox.stop()
  assert.equal((await sandbox.exec(["curl", "-sS", url])).stdout, answer)
  const local = await sandbox.spawn(["python3", "-m", "http.server", "8123", "--bind", "127.0.0.1"])
  await local.waitForPort(8123, { timeoutMs: 20_000 })
  assert.equal((await sandbox.exec("curl -sS -o /dev/null -w '%{http_code}' http://127.0.0.1:8123/")).stdout, "200")
  await sandbox.destroy()
})

test("another policy holds at once: what it forbids is closed, what it names is reached, and it outlasts a restart", async () => {
  const streaming = await serve((_request, answer) => void answer.write("begun\n"))
  const other = await serve((_request, answer) => void answer.end("other"))
  const raw = createNetServer((socket) => void socket.on("error", () => {}).pipe(socket)).listen(0, "127.0.0.1")
  after(() => raw.close())
  await once(raw, "listening")
  const rawPort = (raw.address() as AddressInfo).port
  const first = { allowedOrigins: [`tcp://raw.test:${rawPort}`, `http://api.test:${streaming}`] }
  const sandbox = await Sandbox.create({ platform, id: "changing", network: first })
  assert.deepEqual(sandbox.policy(), first)
  const tunnel = await sandbox.spawn(`exec 3<>/dev/tcp/raw.test/${rawPort}; echo echoed >&3; cat <&3; echo closed`)
  const request = await sandbox.spawn(["curl", "-sSN", `http://api.test:${streaming}/`])
  await Promise.all([tunnel.waitForLog("echoed"), request.waitForLog("begun")])
  const second = { allowedOrigins: [`http://other.test:${other}`] }
  await sandbox.setPolicy(second)
  const ends = await Promise.all([tunnel.waitForExit(), request.waitForExit()])
  assert.deepEqual([ends[0].exitCode, (await tunnel.output()).stdout], [0, "echoed\nclosed\n"])
  assert.notEqual(ends[1].exitCode, 0)
  const reach = async (url: string): Promise<string | number> => {
    const { stdout, exitCode } = await sandbox.exec(["curl", "-sS", "-m", "5", url])
    return exitCode === 0 ? stdout : exitCode
  }
  assert.equal(await reach(`http://other.test:${other}/`), "other")
  // Names that the policy does not have do not exist.
  assert.equal(await reach(`http://api.test:${streaming}/`), 6)
  await assert.rejects(sandbox.setPolicy({ allowedOrigins: ["nonsense"] }), { code: "input.invalid" })
  await assert.rejects(sandbox.setPolicy(null as never), { code: "input.invalid" })
  const taken = await sandbox.spawn(["python3", "-m", "http.server", "8124"])
  await taken.waitForPort(8124, { timeoutMs: 20_000 })
  await assert.rejects(sandbox.setPolicy({ allowedOrigins: ["http://more.test:8124"] }), { code: "mesh.namespace" })
  assert.deepEqual([sandbox.policy(), (await sandbox.info()).network], [second, second])
  await sandbox.stop()
  assert.equal(await reach(`http://other.test:${other}/`), "other")
  await sandbox.destroy()
})

test("what is still allowed goes on while the policy changes", async () => {
  let go = (): void => {}
  const port = await serve((_request, answer) => {
    answer.write("begun\n")
    go = () => void answer.end("ended")
  })
  const origin = `http://api.test:${port}`
  await using sandbox = await Sandbox.create({ platform, network: { allowedOrigins: [origin] } })
  const request = await sandbox.spawn(["curl", "-sSN", `${origin}/`])
  await request.waitForLog("begun")
  await sandbox.setPolicy({ allowedOrigins: [origin, "http://more.test"] })
  go()
  assert.equal((await request.output()).stdout, "begun\nended")
  await sandbox.destroy()
})

test("git clones through the way out", async () => {
  const folder = mkdtempSync(join(tmpdir(), "mayfly-git-"))
  after(() => rmSync(folder, { recursive: true }))
  const git = (...args: string[]): void => void execFileSync("git", args, { cwd: folder, stdio: "ignore" })
  git("init", "-q", "origin")
  git(
    "-C",
    "origin",
    "-c",
    "user.name=a",
    "-c",
    "user.email=a@b",
    "commit",
    "-q",
    "--allow-empty",
    "-m",
    "first of all",
  )
  git("clone", "-q", "--bare", "origin", "repository.git")
  git("-C", "repository.git", "update-server-info")
  const port = await serve((request, answer) => {
    const path = new URL(request.url ?? "/", "http://x").pathname
    try {
      answer.end(readFileSync(join(folder, path)))
    } catch {
      answer.writeHead(404).end()
    }
  })
  const url = `http://git.test:${port}/repository.git`
  await using allowed = await Sandbox.create({ platform, network: { allowedOrigins: [`http://git.test:${port}`] } })
  const { path } = await allowed.git.clone(url)
  assert.equal(path, "/workspace/repository")
  assert.match((await allowed.exec("git log --oneline", { cwd: path })).stdout, /first of all/)
  await using denied = await Sandbox.create({ platform })
  await assert.rejects(denied.git.clone(url), { code: "sandbox.git" })
  await allowed.destroy()
  await denied.destroy()
})

test("git clones with a credential that is added on the way out and is never inside", async () => {
  const folder = mkdtempSync(join(tmpdir(), "mayfly-git-"))
  after(() => rmSync(folder, { recursive: true }))
  execFileSync("git", ["init", "-q", "--bare", "private.git"], { cwd: folder })
  execFileSync("git", ["-C", "private.git", "update-server-info"], { cwd: folder })
  const wanted = `Basic ${Buffer.from("x-access-token:t0ken-of-git").toString("base64")}`
  const world = createAuthority("World")
  const tls = { SNICallback: (name: string, done: (error: null, context: SecureContext) => void) => done(null, world.contextFor(name)) } // oxfmt-ignore
  const server = createSecureServer(tls, (request, answer) => {
    if (request.headers.authorization !== wanted) return void answer.writeHead(401).end()
    try {
      answer.end(readFileSync(join(folder, new URL(request.url ?? "/", "http://x").pathname)))
    } catch {
      answer.writeHead(404).end()
    }
  }).listen(0, "127.0.0.1")
  after(() => server.close())
  await once(server, "listening")
  const { port } = server.address() as AddressInfo
  const own = createHttpEgress({
    ca: world.certificate,
    lookup: () => Promise.resolve(["127.0.0.1"]),
    secrets: { resolve: (_tenant, name) => Promise.resolve(name === "GIT_TOKEN" ? "t0ken-of-git" : null) },
  })
  await using secretive = new Sandboxes({ store: () => store, egress: createSandboxEgress(own) })
  after(() => own.close())
  const auth = { basic: { username: "x-access-token", password: { secret: "GIT_TOKEN" } } }
  const network = { allowedOrigins: [{ origin: `https://git.test:${port}`, auth }] }
  const sandbox = await secretive.create({ network })
  const url = `https://git.test:${port}/private.git`
  assert.deepEqual(await sandbox.git.clone(url), { path: "/workspace/private" })
  const search = "grep -rs t0ken-of-git /workspace /home /tmp /run /etc; env; cat /proc/[0-9]*/environ | tr '\\0' '\\n'"
  assert.ok(!(await sandbox.exec(search)).stdout.includes("t0ken"))
  await sandbox.destroy()
})

test("a policy that can't be carried out makes no sandbox", async () => {
  await assert.rejects(Sandbox.create({ platform, id: "wrong", network: { allowedOrigins: ["nonsense"] } }), {
    code: "input.invalid",
  })
  await assert.rejects(Sandbox.get("wrong", { platform }), { code: "sandbox.not-found" })
})
