import assert from "node:assert/strict"
import { spawn } from "node:child_process"
import { once } from "node:events"
import { mkdtempSync, readdirSync, rmSync } from "node:fs"
import { createServer, type IncomingMessage, request } from "node:http"
import type { AddressInfo } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { text } from "node:stream/consumers"
import { after, test, type TestContext } from "node:test"
import { createHttpEgress } from "@mayfly/mesh"
import { Sandboxes } from "@mayfly/sandbox"
import { openStore } from "@mayfly/store"
import { createPlatform, Sandbox } from "mayfly"
import { reasonWithoutEngine, startEngine, type TestEngine } from "../../packages/sandbox/src/docker-engine.fixture.ts"
import { createSandboxEgress } from "../../packages/platform/src/sandbox-egress.ts"

const reason = reasonWithoutEngine()
const engine = reason === false ? await startEngine() : undefined
const folder = mkdtempSync(join(tmpdir(), "mayfly-docker-e2e-"))
const flags = ["--conditions=source", "--disable-warning=ExperimentalWarning", "--input-type=module", "-e"]

async function open(t: TestContext, dataDir?: string): Promise<Awaited<ReturnType<typeof createPlatform>>> {
  const platform = await createPlatform({
    hosts: 1,
    isolates: 0,
    spare: false,
    sandboxes: optionsOf(engine),
    ...(dataDir === undefined ? {} : { dataDir }),
  })
  t.after(() => platform.dispose())
  return platform
}

function optionsOf(started: TestEngine | undefined): {
  provider: string
  docker: { socketPath: string; image: string }
} {
  return { provider: "docker", docker: { socketPath: started?.socketPath ?? "", image: started?.image ?? "" } }
}

async function containers(): Promise<number> {
  const asked = request({ socketPath: engine?.socketPath ?? "", path: "/v1.40/containers/json?all=1" }).end()
  const [answer] = (await once(asked, "response")) as [IncomingMessage]
  return (JSON.parse(await text(answer)) as unknown[]).length
}

test("a container reaches what the policy names, by its name alone, and nothing else", { skip: reason }, async (t) => {
  const platform = await open(t)
  const server = createServer((asked, answer) => answer.end(`${asked.method} ${asked.headers.host} ${asked.url}`))
  server.listen(0, "127.0.0.1")
  await once(server, "listening")
  t.after(() => server.close())
  const { port } = server.address() as AddressInfo
  const sandbox = await Sandbox.create({ platform, network: { allowedOrigins: [`http://127.0.0.1:${port}`] } })
  const proxied = await sandbox.exec(["curl", "-sS", "-x", "http://127.0.0.1:3128", `http://127.0.0.1:${port}/a`])
  assert.equal(proxied.stdout, `GET 127.0.0.1:${port} /a`)
  const raw = [
    "python3",
    "-c",
    "import socket; s = socket.socket(); s.settimeout(2); print(s.connect_ex(('1.1.1.1', 53)))",
  ]
  assert.equal((await sandbox.exec(raw)).stdout, "101\n")
  assert.notEqual((await sandbox.exec(["curl", "-sS", "-m", "5", "http://other.test/"])).exitCode, 0)
  const denied = await sandbox.exec(["curl", "-sS", "-x", "http://127.0.0.1:3128", "http://127.0.0.1:1/"])
  assert.match(denied.stdout, /mesh.denied/)
  const { rows } = await platform.ledger.query({ limit: 100 })
  assert.ok(rows.length > 0 && rows.every((row) => row.sandboxId === sandbox.id))
  await sandbox.destroy()
})

test("names resolve to the way out, so that programs need no settings", { skip: reason }, async (t) => {
  const store = openStore()
  const egress = createHttpEgress({ lookup: () => Promise.resolve(["127.0.0.1"]) })
  const home = new Sandboxes({ store: () => store, egress: createSandboxEgress(egress), ...optionsOf(engine) })
  t.after(async () => {
    await home.dispose()
    await egress.close()
    await (await store).close()
  })
  const server = createServer((asked, answer) => answer.end(`${asked.headers.host}`)).listen(0, "127.0.0.1")
  await once(server, "listening")
  t.after(() => server.close())
  const { port } = server.address() as AddressInfo
  const sandbox = await home.create({ network: { allowedOrigins: [`http://api.test:${port}`] } })
  const url = `http://api.test:${port}/`
  assert.equal((await sandbox.exec(["curl", "-sS", url])).stdout, `api.test:${port}`)
  const node = `fetch("${url}").then((r) => r.text()).then(console.log)`
  assert.equal((await sandbox.exec(["node", "-e", node])).stdout, `api.test:${port}\n`)
  assert.equal((await sandbox.exec(["curl", "-sS", `http://other.test:${port}/`])).exitCode, 6)
  await sandbox.destroy()
})

test("a container holds no right of the kernel's, and hogs end at their limits", { skip: reason }, async (t) => {
  const platform = await open(t)
  const sandbox = await Sandbox.create({ platform, limits: { memoryMb: 256, processes: 60 } })
  const status = (await sandbox.exec("grep -E '^(Cap|NoNewPrivs|Seccomp):|^Cap' /proc/self/status")).stdout
  assert.match(status, /NoNewPrivs:\t1/)
  assert.match(status, /Seccomp:\t2/)
  assert.doesNotMatch(status, /Cap\w+:\t0*[1-9a-f]/)
  const tries = [
    "echo x > /proc/sys/kernel/core_pattern",
    "echo x > /usr/x",
    "echo x > /etc/passwd",
    "unshare -Ur true",
    "python3 -c 'import socket; socket.socket(40, 1)'",
    "python3 -c 'import ctypes; exit(0 if ctypes.CDLL(None).syscall(425, 1, 0) >= 0 else 1)'",
    "cat /.mayfly/agent/../../proc/1/root/etc/shadow",
  ]
  for (const command of tries) assert.notEqual((await sandbox.exec(command)).exitCode, 0, command)
  const bomb =
    "import os, time\nn = 0\ntry:\n  while n < 1000:\n    if os.fork() == 0: time.sleep(60); os._exit(0)\n    n += 1\nexcept OSError as e: print(e.errno, n < 120)\nimport signal; os.killpg(0, signal.SIGKILL)"
  assert.equal((await sandbox.exec(["python3", "-u", "-c", bomb])).stdout, "11 True\n")
  const hog = "a = []\nfor i in range(100): a.append(b'x' * (16 << 20))\nprint('held')"
  assert.ok(!(await sandbox.exec(["python3", "-c", hog])).stdout.includes("held"))
  assert.equal((await sandbox.exec("echo lives")).stdout, "lives\n")
  await sandbox.destroy()
  assert.equal(await containers(), 0)
})

test("containers end with the supervisor, files and snapshots stay", { skip: reason }, async (t) => {
  const dataDir = join(folder, "kill")
  const victim = `import { createPlatform, Sandbox } from "mayfly"
const platform = await createPlatform({ hosts: 1, isolates: 0, spare: false, dataDir: process.argv[1], sandboxes: ${JSON.stringify(optionsOf(engine))} })
const sandbox = await Sandbox.create({ platform, id: "survivor" })
await sandbox.exec("seq 1000 > numbers; echo home > ~/h")
const { id } = await sandbox.snapshot()
await sandbox.spawn("trap '' TERM; while :; do sleep 1; done")
console.log(id)
for (;;) await (await Sandbox.create({ platform })).exec("true")`
  const child = spawn(process.execPath, [...flags, victim, dataDir], { stdio: ["ignore", "pipe", "inherit"] })
  const [line] = (await once(child.stdout, "data")) as [Buffer]
  await new Promise((resolve) => setTimeout(resolve, Math.random() * 500))
  child.kill("SIGKILL")
  await once(child, "close")
  const platform = await open(t, dataDir)
  const sandbox = await Sandbox.get("survivor", { platform })
  assert.equal((await sandbox.exec("tail -n 1 numbers; cat ~/h; stat -c %U numbers")).stdout, "1000\nhome\nuser\n")
  const restored = await Sandbox.create({ platform, from: line.toString().trim() })
  assert.equal((await restored.exec("tail -n 1 numbers")).stdout, "1000\n")
  for (const { id } of await Sandbox.list({ platform })) await (await Sandbox.get(id, { platform })).destroy()
  assert.equal(await containers(), 0)
  assert.deepEqual(readdirSync(join(dataDir, "sandboxes", "docker", "boxes")), [])
})

test("an engine that is missing, and an image, are said", { skip: reason }, async (t) => {
  const missing = { socketPath: join(folder, "none.sock") }
  const none = await createPlatform({ hosts: 1, isolates: 0, spare: false, sandboxes: { docker: missing } })
  t.after(() => none.dispose())
  await assert.rejects(Sandbox.create({ platform: none, provider: "docker" }), { code: "sandbox.unavailable" })
  const docker = { ...optionsOf(engine).docker, image: "no-such-image:1" }
  const other = await createPlatform({ hosts: 1, isolates: 0, spare: false, sandboxes: { docker } })
  t.after(() => other.dispose())
  await assert.rejects(Sandbox.create({ platform: other, provider: "docker" }), /docker pull no-such-image:1/)
})

after(async () => {
  await engine?.[Symbol.asyncDispose]()
  rmSync(folder, { recursive: true, force: true })
})
