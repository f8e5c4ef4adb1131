import assert from "node:assert/strict"
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { test, type TestContext } from "node:test"
import { MayflyError } from "@mayfly/protocol"
import { parseSecretKey } from "@mayfly/mesh"
import { createPlatform } from "../index.ts"
import { encodeDefinition, readDefinition, storedDefinition } from "./worker-definition.ts"

const small = { hosts: 1, isolates: 2, spare: false } as const

function folder(t: TestContext): string {
  const directory = mkdtempSync(join(tmpdir(), "mayfly-workers-"))
  t.after(() => rmSync(directory, { recursive: true, force: true }))
  return directory
}

function coded(code: string): (error: unknown) => boolean {
  return (error) => error instanceof MayflyError && error.code === code
}

const handler = `export default {
  run: (input, env) => env.greeting + input,
  fetch: async (request, env) => new Response(env.greeting + (await request.text())),
}`

test("a worker is deployed, called, changed, rolled back and removed; it is there after a restart", async (t) => {
  const dataDir = folder(t)
  let first = ""
  {
    await using platform = await createPlatform({ ...small, dataDir })
    const workers = platform.workers("acme")
    const info = await workers.deploy("greet", { script: handler, env: { greeting: "hello " } })
    first = info.version
    assert.deepEqual(await workers.list(), [info])
    assert.deepEqual([info.name, info.tenant], ["greet", "acme"])
    const run = await workers.execute("greet", "you")
    assert.equal(run.ok && run.result, "hello you")
    const second = await workers.deploy("greet", { script: handler, env: { greeting: "bye " } })
    assert.equal(second.hash, info.hash)
    assert.notEqual(second.version, first)
  }
  await using platform = await createPlatform({ ...small, dataDir })
  const workers = platform.workers("acme")
  const called = async (): Promise<string> =>
    (await workers.fetch("greet", new Request("http://w/", { method: "POST", body: "you" }))).text()
  assert.equal(await called(), "bye you")
  await workers.rollback("greet", first)
  assert.equal(await called(), "hello you")
  assert.deepEqual(
    (await workers.versions("greet")).map(({ isCurrent }) => isCurrent),
    [false, true],
  )
  await assert.rejects(workers.rollback("greet", "0".repeat(64)), coded("worker.not-found"))
  await assert.rejects(platform.workers("other").get("greet"), coded("worker.not-found"))
  await assert.rejects(platform.workers("other").rollback("greet", first), coded("worker.not-found"))
  await assert.rejects(platform.workers("other").remove("greet"), coded("worker.not-found"))
  const { rows } = await platform.usage.query({ tenant: "acme", by: ["worker"] })
  assert.deepEqual(
    rows.map(({ worker, runs }) => [worker, runs]),
    [["greet", 3]],
  )
  await workers.remove("greet")
  await assert.rejects(workers.execute("greet"), coded("worker.not-found"))
  assert.deepEqual(await workers.list(), [])
})

test("what is wrong is refused, and the version that is called stays", async (t) => {
  await using platform = await createPlatform({ ...small, dataDir: folder(t) })
  const workers = platform.workers("acme")
  await platform.tenants.set("acme", { quota: { workers: 1 } })
  const info = await workers.deploy("one", { script: "1" })
  await assert.rejects(workers.deploy("one", { script: "let = 5 +" }), coded("worker.syntax"))
  await assert.rejects(workers.deploy("one", { script: "1", env: { f: () => 1 } }), coded("worker.not-serializable"))
  await assert.rejects(workers.deploy("one", { script: "1", limits: { cpuMs: -1 } }), coded("input.invalid"))
  await assert.rejects(workers.deploy("one", { script: "1", keep: true } as object), coded("input.invalid"))
  await assert.rejects(workers.deploy("../one", { script: "1" }), coded("input.invalid"))
  await assert.rejects(workers.deploy("two", { script: "2" }), coded("quota.count"))
  assert.deepEqual(await workers.list(), [info])
  assert.deepEqual(await workers.versions("one"), [
    { version: info.version, hash: info.hash, bytes: info.bytes, createdAt: info.createdAt, isCurrent: true },
  ])
  for (let n = 0; n < 30; n++) await workers.deploy("one", { script: `${n}` })
  const versions = await workers.versions("one")
  assert.deepEqual([versions.length, versions[0]?.isCurrent], [20, true])
  await platform.tenants.suspend("acme")
  await assert.rejects(workers.deploy("one", { script: "9" }), coded("tenant.suspended"))
})

test("the environment of a worker stands in no file, and is bound to its key, tenant and name", async (t) => {
  const dataDir = folder(t)
  const secret = "sk-live-0123456789"
  const definition = { script: handler, env: { greeting: secret, at: new Date(0) } }
  {
    await using platform = await createPlatform({ ...small, dataDir })
    const first = await platform.workers("acme").deploy("greet", definition)
    assert.equal((await platform.workers("acme").deploy("greet", definition)).version, first.version)
    assert.equal((await platform.workers("acme").versions("greet")).length, 1)
  }
  const files = readdirSync(dataDir, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile())
  const holders = files.filter(({ parentPath, name }) => readFileSync(join(parentPath, name)).includes(secret))
  assert.deepEqual(holders, [])
  {
    await using platform = await createPlatform({ ...small, dataDir })
    const run = await platform.workers("acme").execute("greet", "!")
    assert.equal(run.ok && run.result, `${secret}!`)
  }
  rmSync(join(dataDir, "secrets.key"))
  await using platform = await createPlatform({ ...small, dataDir })
  await assert.rejects(platform.workers("acme").execute("greet"), coded("mesh.secret-unreadable"))
})

test("a version from before environments were encrypted is read as it is", () => {
  const definition = { script: "1", env: { greeting: "hello" } }
  const key = parseSecretKey("11".repeat(32), "test")
  const [here, there] = [
    { tenant: "acme", name: "greet" },
    { tenant: "thief", name: "greet" },
  ]
  const encoded = encodeDefinition(definition)
  assert.deepEqual(
    readDefinition(encoded, here, () => key),
    definition,
  )
  const stored = storedDefinition(encoded, here, () => key)
  assert.deepEqual(
    readDefinition(stored, here, () => key),
    definition,
  )
  assert.throws(() => readDefinition(stored, there, () => key), coded("mesh.secret-unreadable"))
})
