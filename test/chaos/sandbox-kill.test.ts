import assert from "node:assert/strict"
import { spawn } from "node:child_process"
import { once } from "node:events"
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { after, test } from "node:test"
import { createPlatform, Sandbox } from "mayfly"
import { groupsOf, leftovers } from "./sandbox-leaks.ts"

const folder = mkdtempSync(join(tmpdir(), "mayfly-sandbox-kill-"))
after(() => rmSync(folder, { recursive: true, force: true }))

const sums = "find . ~ -type f -exec sha256sum {} + | sort"

const victim = `import { createPlatform, Sandbox } from "mayfly"
const platform = await createPlatform({ hosts: 1, isolates: 0, spare: false, dataDir: process.argv[1] })
const sandbox = await Sandbox.create({ platform, id: "survivor", env: { KEPT: "yes" } })
await sandbox.exec("mkdir d; for i in $(seq 200); do head -c $((i * 100)) /dev/urandom > d/$i; done; echo home > ~/h")
const snapshot = await sandbox.snapshot()
const { stdout } = await sandbox.exec(${JSON.stringify(sums)})
await sandbox.spawn("trap '' TERM; while :; do sleep 1; done")
console.log(JSON.stringify({ sums: stdout, snapshot: snapshot.id }))
if (process.argv[2] === "create") for (;;) await Promise.all([1, 2, 3].map(async () => (await Sandbox.create({ platform })).exec("true")))
if (process.argv[2] === "snapshot") for (;;) await sandbox.snapshot()
`

for (const moment of ["idle", "create", "snapshot"]) {
  test(`files, variables and snapshots outlast kill -9 of the supervisor (${moment}), and nothing else does`, async () => {
    const dataDir = join(folder, moment)
    const flags = ["--conditions=source", "--disable-warning=ExperimentalWarning", "--input-type=module", "-e", victim]
    const child = spawn(process.execPath, [...flags, dataDir, moment], { stdio: ["ignore", "pipe", "inherit"] })
    const [line] = (await once(child.stdout, "data")) as [Buffer]
    const before = JSON.parse(line.toString()) as { sums: string; snapshot: string }
    child.stdout.resume()
    if (moment !== "idle") await new Promise((resolve) => setTimeout(resolve, Math.random() * 400))
    child.kill("SIGKILL")
    await once(child, "close")
    await using platform = await createPlatform({ hosts: 1, isolates: 0, spare: false, dataDir })
    const sandbox = await Sandbox.get("survivor", { platform })
    assert.equal((await sandbox.exec(sums)).stdout, before.sums)
    assert.equal((await sandbox.exec("echo $KEPT")).stdout, "yes\n")
    const restored = await Sandbox.create({ platform, from: before.snapshot })
    assert.equal((await restored.exec(sums)).stdout, before.sums)
    const ids = (await Sandbox.list({ platform })).map(({ id }) => id)
    const keys = readdirSync(join(dataDir, "sandboxes", "boxes"))
    for (const id of ids) await (await Sandbox.get(id, { platform })).destroy()
    for (const { id } of await platform.env.SANDBOX.snapshots()) await platform.env.SANDBOX.removeSnapshot(id)
    assert.deepEqual(leftovers(dataDir), [])
    assert.deepEqual(groupsOf(keys), [])
    assert.deepEqual(readdirSync(join(dataDir, "sandboxes", "boxes")), [])
    assert.deepEqual(readdirSync(join(dataDir, "sandboxes", "snapshots")), [])
  })
}

test("a virtual sandbox's files and snapshots outlast kill -9 of the supervisor, its process does not", async () => {
  const dataDir = join(folder, "virtual")
  const flags = [
    "--conditions=source",
    "--disable-warning=ExperimentalWarning",
    "--input-type=module",
    "-e",
    virtualVictim,
  ]
  const child = spawn(process.execPath, [...flags, dataDir], { stdio: ["ignore", "pipe", "inherit"] })
  const [line] = (await once(child.stdout, "data")) as [Buffer]
  const before = JSON.parse(line.toString()) as { sums: string; snapshot: string }
  child.kill("SIGKILL")
  await once(child, "close")
  await using platform = await createPlatform({ hosts: 1, isolates: 0, spare: false, dataDir })
  const sandbox = await Sandbox.get("survivor", { platform })
  assert.equal((await sandbox.exec(sums)).stdout, before.sums)
  const restored = await Sandbox.create({ platform, from: before.snapshot })
  assert.equal((await restored.exec(sums)).stdout, before.sums)
  const known = (await platform.env.SANDBOX.snapshots()).map(({ id }) => id)
  assert.deepEqual(readdirSync(join(dataDir, "sandboxes", "virtual", "snapshots")).sort(), known.sort())
  const held = join(dataDir, "sandboxes", "virtual", "boxes")
  await Promise.all([sandbox.destroy(), restored.destroy()])
  while (processesWith(held).length > 0) await new Promise((resolve) => setTimeout(resolve, 20))
  assert.deepEqual(readdirSync(join(dataDir, "sandboxes", "virtual", "boxes")), [])
})

const virtualVictim = `import { createPlatform, Sandbox } from "mayfly"
const platform = await createPlatform({ hosts: 1, isolates: 0, spare: false, dataDir: process.argv[1] })
const sandbox = await Sandbox.create({ platform, id: "survivor", provider: "virtual" })
await sandbox.exec("mkdir d; for i in $(seq 40); do seq $((i * 100)) > d/$i; done; echo home > ~/h")
const snapshot = await sandbox.snapshot()
const { stdout } = await sandbox.exec(${JSON.stringify(sums)})
await sandbox.spawn("while :; do sleep 1; done")
console.log(JSON.stringify({ sums: stdout, snapshot: snapshot.id }))
for (;;) await sandbox.snapshot()
`

/** Its agent has its folder among its words. */
function processesWith(folder: string): string[] {
  return readdirSync("/proc").filter((name) => {
    try {
      return /^\d+$/.test(name) && readFileSync(`/proc/${name}/cmdline`, "utf8").includes(folder)
    } catch {
      return false
    }
  })
}

test("two processes do not keep sandboxes in one directory", async () => {
  const dataDir = join(folder, "shared")
  const flags = ["--conditions=source", "--disable-warning=ExperimentalWarning", "--input-type=module", "-e", victim]
  const child = spawn(process.execPath, [...flags, dataDir, "idle"], { stdio: ["ignore", "pipe", "inherit"] })
  await once(child.stdout, "data")
  const options = { hosts: 1, isolates: 0, spare: false, dataDir }
  try {
    await assert.rejects(createPlatform(options), { code: "platform.data-dir-in-use" })
  } finally {
    child.kill("SIGKILL")
  }
  await once(child, "close")
  await using platform = await createPlatform(options)
  assert.equal((await (await Sandbox.get("survivor", { platform })).exec("echo taken over")).stdout, "taken over\n")
})
