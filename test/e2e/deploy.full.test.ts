import assert from "node:assert/strict"
import { once } from "node:events"
import { chmodSync, chownSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs"
import { type IncomingMessage, request } from "node:http"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { text } from "node:stream/consumers"
import { after, test } from "node:test"
import { fileURLToPath } from "node:url"
import { reasonWithoutEngine, startEngine } from "../../packages/sandbox/src/docker-engine.fixture.ts"
import { reasonWithoutUser } from "../../packages/sandbox/src/ordinary-user.fixture.ts"
import { eventually } from "../attacks/processes.ts"

const root = fileURLToPath(new URL("../..", import.meta.url))
const bin = "/opt/mayfly/packages/mayfly/bin/mayfly.mjs"
const user = 10_001
const reason = reasonWithoutEngine() || reasonWithoutUser(import.meta.filename)
const engine = reason === false ? await startEngine() : undefined
const folder = mkdtempSync(join(tmpdir(), "mayfly-deploy-"))
after(async () => {
  await engine?.[Symbol.asyncDispose]()
  rmSync(folder, { recursive: true, force: true })
})

async function ask(method: string, path: string, body?: object): Promise<{ status: number; body: string }> {
  const asked = request({
    socketPath: engine?.socketPath ?? "",
    method,
    path: `/v1.40${path}`,
    headers: { "content-type": "application/json" },
  })
  asked.end(body === undefined ? "" : JSON.stringify(body))
  const [answer] = (await once(asked, "response")) as [IncomingMessage]
  return { status: answer.statusCode ?? 0, body: await text(answer) }
}

async function done(method: string, path: string, body?: object): Promise<string> {
  const answer = await ask(method, path, body)
  assert.ok(answer.status < 300, `${method} ${path}: ${answer.status} ${answer.body}`)
  return answer.body
}

/** What deploy/compose.yaml says, as the engine wants it; the network is the machine's, for this engine has none. */
function containerOptions(): object {
  const compose = readFileSync(join(root, "deploy", "compose.yaml"), "utf8")
  for (const line of ["read_only: true", "cap_drop: [ALL]", "seccomp=./seccomp.json", "systempaths=unconfined"])
    assert.ok(compose.includes(line), line)
  const seccomp = JSON.stringify(JSON.parse(readFileSync(join(root, "deploy", "seccomp.json"), "utf8")))
  for (const name of ["data", "backup"]) {
    mkdirSync(join(folder, name))
    chownSync(join(folder, name), user, user)
  }
  chmodSync(folder, 0o755)
  return {
    Image: engine?.image,
    User: `${user}:${user}`,
    Env: ["MAYFLY_DATA=/data", "HOME=/home", "PATH=/usr/sbin:/usr/bin:/sbin:/bin"],
    Cmd: ["/node", bin, "serve", "--port", "0"],
    HostConfig: {
      Binds: [
        `${root}:/opt/mayfly:ro`,
        `${process.execPath}:/node:ro`,
        `${join(folder, "data")}:/data`,
        `${join(folder, "backup")}:/backup`,
      ],
      CapDrop: ["ALL"],
      Init: false,
      MaskedPaths: [],
      NetworkMode: "host",
      PidsLimit: 4_096,
      ReadonlyPaths: [],
      ReadonlyRootfs: true,
      SecurityOpt: [`seccomp=${seccomp}`],
      Tmpfs: { "/tmp": "size=256m,mode=1777", "/home": `size=16m,uid=${user}` },
    },
  }
}

/** What the container has said, without the frames that the engine puts around it. */
async function said(id: string): Promise<string> {
  return (await done("GET", `/containers/${id}/logs?stdout=1&stderr=1`)).replace(/[\x00-\x02]\0\0\0[^]{4}/g, "")
}

async function servedAt(id: string, lives: number): Promise<string> {
  const urls = async (): Promise<readonly string[]> =>
    [...(await said(id)).matchAll(/Mayfly is serving at (\S+)/g)].map(([, url = ""]) => url)
  await eventually(async () => (await urls()).length === lives, "the server", 60_000).catch(async (error: Error) => {
    throw new Error(`${error.message}; it said: ${await said(id)}`)
  })
  return (await urls()).at(-1) ?? ""
}

async function inside(id: string, command: readonly string[]): Promise<string> {
  const made = JSON.parse(
    await done("POST", `/containers/${id}/exec`, { Cmd: command, AttachStdout: true, AttachStderr: true }),
  ) as { Id: string }
  return done("POST", `/exec/${made.Id}/start`, {})
}

test(
  "a container without rights runs programs, workflows and sandboxes, survives a kill and drains",
  { skip: reason, timeout: 300_000 },
  async (t) => {
    const { Id: id } = JSON.parse(await done("POST", "/containers/create", containerOptions())) as { Id: string }
    t.after(() => ask("DELETE", `/containers/${id}?force=1`))
    await done("POST", `/containers/${id}/start`)
    let url = await servedAt(id, 1)
    const key = /admin key: (mf_\S+)/.exec(await said(id))?.[1] ?? ""
    const call = async (path: string, body?: object): Promise<Record<string, unknown>> => {
      const init = { headers: { authorization: `Bearer ${key}` } }
      const post = body === undefined ? init : { ...init, method: "POST", body: JSON.stringify(body) }
      return (await fetch(`${url}/v1${path}`, post)).json() as Promise<Record<string, unknown>>
    }
    assert.equal((await call("/run", { script: "export default (n) => n * 2", input: 21 }))["result"], 42)
    await call("/workflows", { id: "waits", steps: [{ name: "go", waitForEvent: "go" }] })
    await call("/sandboxes", { id: "box" })
    const { stdout } = await call("/sandboxes/box/exec", {
      command: "echo kept > f; id -u; grep -c ^CapEff:.*[1-9a-f] /proc/self/status",
    })
    assert.equal(stdout, "1000\n0\n")
    assert.match(await inside(id, ["/node", bin, "doctor"]), /ok {7}jail {10}bubblewrap\+seccomp/)
    assert.match(await inside(id, ["/node", bin, "backup", "/backup/one"]), /backed up \d+ files/)

    await done("POST", `/containers/${id}/kill?signal=KILL`)
    await done("POST", `/containers/${id}/wait`)
    await done("POST", `/containers/${id}/start`)
    url = await servedAt(id, 2)
    assert.equal((await call("/sandboxes/box/exec", { command: "cat f" }))["stdout"], "kept\n")
    assert.equal((await call("/workflows/waits"))["status"], "waiting")

    const script = "export default async () => { await new Promise((go) => setTimeout(go, 1000)); return 'to its end' }"
    const running = call("/run", { script })
    await eventually(async () => JSON.stringify(await call("/runs?status=running")).includes("run_"), "the run")
    await done("POST", `/containers/${id}/stop?t=15`)
    assert.equal((await running)["result"], "to its end")
    const ended = JSON.parse(await done("GET", `/containers/${id}/json`)) as { State: { ExitCode: number } }
    assert.equal(ended.State.ExitCode, 0)
  },
)
