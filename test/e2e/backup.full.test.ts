import assert from "node:assert/strict"
import { chmodSync, chownSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { after, test } from "node:test"
import { eventually } from "../attacks/processes.ts"
import { asOrdinaryUser, ordinaryUser, reasonWithoutUser } from "../../packages/sandbox/src/ordinary-user.fixture.ts"
import { type MayflyProcess, startMayfly } from "./mayfly-process.ts"

const timeout = 120_000

const worker = `
import { DurableObject } from "cloudflare:workers"
const code = \`
  import { DurableObject } from "cloudflare:workers"
  export class App extends DurableObject {
    fetch() {
      const counter = (this.ctx.storage.kv.get("counter") ?? 0) + 1
      this.ctx.storage.kv.put("counter", counter)
      return new Response(String(counter))
    }
  }
\`
export class Runner extends DurableObject {
  fetch(request) {
    return this.ctx.facets.get("app", () => ({
      class: this.env.LOADER.get("v1", () => ({ mainModule: "w.js", modules: { "w.js": code } })).getDurableObjectClass("App"),
    })).fetch(request)
  }
}
export default { fetch: (request, env, ctx) => ctx.exports.Runner.getByName("one").fetch(request) }
`

/** Each line stands in `a` before it stands in `b`: any one moment has as many lines in both, or one more in `a`. */
const writer = "n=0; while :; do n=$((n+1)); echo $n >> a; echo $n >> b; done"
const count = "wc -l < a; wc -l < b; tail -n 1 a; tail -n 1 b"

class Server implements AsyncDisposable {
  readonly process: MayflyProcess
  readonly url: string
  readonly worker: string
  readonly key: string

  constructor(process: MayflyProcess, { url, worker, key }: { url: string; worker: string; key: string }) {
    this.process = process
    this.url = url
    this.worker = worker
    this.key = key
  }

  async call(method: string, path: string, body?: unknown): Promise<unknown> {
    const init = { method, headers: { authorization: `Bearer ${this.key}` } }
    const response = await fetch(
      `${this.url}/v1${path}`,
      body === undefined ? init : { ...init, body: JSON.stringify(body) },
    )
    const text = await response.text()
    assert.ok(response.ok, text)
    return text === "" ? undefined : JSON.parse(text)
  }

  async shell(sandbox: string, command: string): Promise<string> {
    const { stdout } = (await this.call("POST", `/sandboxes/${sandbox}/exec`, { command })) as { stdout: string }
    return stdout
  }

  async objects(): Promise<number> {
    return Number(await (await fetch(this.worker)).text())
  }

  async kill(): Promise<void> {
    this.process.child.kill("SIGKILL")
    await this.process.finished
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.kill()
  }
}

/** How the command is started: by this process's user, or by an ordinary one. */
type Start = (args: readonly string[], cwd: string) => MayflyProcess

async function serve(start: Start, folder: string, data: string, key?: string): Promise<Server> {
  const args = ["serve", "worker.ts", "--port", "0", "--worker-port", "0", "--data", data]
  const process = start([...args, "--sandbox-provider", "bubblewrap", "--sandbox-provider", "virtual"], folder)
  const made = key ?? (await process.output(/admin key: (mf_\S+)/))[1] ?? ""
  const [, url = ""] = await process.output(/Mayfly is serving at (\S+)/)
  const [, at = ""] = await process.output(/^worker is serving at (\S+)$/m)
  return new Server(process, { url, worker: at, key: made })
}

async function backupInFlight(start: Start, folder: string): Promise<void> {
  await using server = await serve(start, folder, "data")
  for (const sandbox of [{ id: "busy" }, { id: "idle" }, { id: "fake", provider: "virtual" }])
    await server.call("POST", "/sandboxes", sandbox)
  for (const id of ["idle", "fake"]) await server.shell(id, "echo kept > file")
  await server.call("POST", "/sandboxes/idle/stop")
  await server.shell("busy", "mkdir locked; touch locked/file; chmod 0 locked/file; ln -s /etc/passwd link")
  const writing = server.call("POST", "/sandboxes/busy/exec", { command: writer }).catch(() => {})
  await server.shell("busy", "until [ -s b ]; do :; done")
  await server.call("POST", "/workflows", { id: "waits", steps: [{ name: "go", waitForEvent: "go" }] })
  const committed = await server.objects()
  const lines = Number(await server.shell("busy", "wc -l < b"))
  const counting = countOn(server)

  const { code, stdout, stderr } = await start(["backup", "copy", "--data", "data", "--json"], folder).finished
  assert.equal(code, 0, stderr)
  const { leftOut } = JSON.parse(stdout) as { leftOut: string[] }
  const during = await counting.stop()
  assert.ok(during > committed, "objects go on while a backup is made")
  // It was let go on.
  const later = Number(await server.shell("busy", "wc -l < b"))
  await server.shell("busy", `until [ $(wc -l < b) -gt ${later} ]; do :; done`)
  await server.kill()
  await writing

  const restored = await start(["restore", "copy", "--data", "restored"], folder).finished
  assert.equal(restored.code, 0, restored.stderr)
  await using again = await serve(start, folder, "restored", server.key)
  const [a = 0, b = 0, lastOfA, lastOfB] = (await again.shell("busy", count)).trim().split("\n").map(Number)
  assert.ok(b >= lines && (a === b || a === b + 1), `${a} lines in a, ${b} in b, ${lines} before`)
  assert.deepEqual([lastOfA, lastOfB], [a, b])
  assert.equal(await again.shell("idle", "cat file"), "kept\n")
  assert.equal(await again.shell("fake", "cat file"), "kept\n")
  assert.equal(await again.shell("busy", "readlink link"), "/etc/passwd\n")
  const counted = await again.objects()
  assert.ok(counted > committed && counted <= during + 1, `${committed} < ${counted} <= ${during + 1}`)
  await again.call("POST", "/workflows/waits/events", { type: "go", payload: "done" })
  const status = async (): Promise<string> =>
    ((await again.call("GET", "/workflows/waits")) as { status: string }).status
  await eventually(async () => (await status()) === "complete", "the workflow that waited")
  await again.kill()
  checkModes(join(folder, "restored"))
  // Root may read what is locked.
  const isUser = start !== startHere
  assert.deepEqual(leftOut.length, isUser ? 1 : 0)
}

/** Calls the object one call after the other; gives the last number that was answered. */
function countOn(server: Server): { stop(): Promise<number> } {
  let isOver = false
  const counting = (async () => {
    let last = 0
    while (!isOver) last = await server.objects()
    return last
  })()
  return {
    stop: () => {
      isOver = true
      return counting
    },
  }
}

function checkModes(folder: string): void {
  for (const name of readdirSync(folder)) assert.equal(statSync(join(folder, name)).mode & 0o077, 0, name)
  assert.equal(statSync(folder).mode & 0o777, 0o700)
}

const folders: string[] = []
after(() => {
  for (const folder of folders) rmSync(folder, { recursive: true, force: true })
})

function folderFor(owner: number | undefined): string {
  const folder = mkdtempSync(join(tmpdir(), "mayfly-backup-"))
  folders.push(folder)
  writeFileSync(join(folder, "worker.ts"), worker)
  chmodSync(folder, 0o755)
  if (owner !== undefined) chownSync(folder, owner, owner)
  return folder
}

const startAsUser: Start = (args, cwd) => startMayfly(args, { cwd, through: asOrdinaryUser, env: { HOME: cwd } })
const startHere: Start = (args, cwd) => startMayfly(args, { cwd })

test(
  "a backup beside a server that works holds all that was committed, and works when it is restored",
  { timeout },
  async () => {
    await backupInFlight(startHere, folderFor(undefined))
  },
)

test(
  "so does one of an ordinary user's, whose sandboxes have folders and not disk images",
  { timeout, skip: reasonWithoutUser(import.meta.filename) },
  async () => {
    await backupInFlight(startAsUser, folderFor(ordinaryUser))
  },
)
