import assert from "node:assert/strict"
import { after, test } from "node:test"
import { createPlatform, DynamicWorker } from "@mayfly/platform"
import { assertUsage, attack, codeOf, limitOf } from "./beside-neighbours.ts"
import { cpuAttacks } from "./cpu-attacks.ts"
import { sample } from "./sample.ts"

const platform = await createPlatform()
after(() => platform.dispose())

for (const { name, script, also = [], env } of sample(cpuAttacks, 14)) {
  test(`CPU attack, limit 100 ms: ${name}`, { timeout: 60_000 }, async () => {
    const { run } = await attack(script, { platform, limits: { cpuMs: 100 }, ...(env ? { env } : {}) })
    assertUsage(run)
    if (also.includes(codeOf(run))) return
    assert.deepStrictEqual(limitOf(run), { code: "worker.cpu-limit", limit: "cpuMs", value: 100, isUsedBeyond: true })
    assert.ok(run.usage.cpuMs >= 100 && run.usage.cpuMs < 1_000, `${run.usage.cpuMs} ms of CPU`)
  })
}

test("CPU attacks at the default limit end with it", { timeout: 120_000 }, async () => {
  const chosen = sample(
    cpuAttacks.filter(({ also }) => also === undefined),
    1,
  )
  const runs = await Promise.all(chosen.map(({ script, env }) => attack(script, { platform, ...(env ? { env } : {}) })))
  const expected = { code: "worker.cpu-limit", limit: "cpuMs", value: 5_000, isUsedBeyond: true }
  assert.deepStrictEqual(
    runs.map(({ run }) => limitOf(run)),
    chosen.map(() => expected),
  )
})

test("a run that waits without end and uses no CPU ends with the wall limit", { timeout: 60_000 }, async () => {
  const script = "export default () => new Promise((done) => setTimeout(done, 1e9))"
  const { run } = await attack(script, { platform, limits: { wallMs: 200 } })
  assert.deepStrictEqual(limitOf(run), { code: "worker.wall-limit", limit: "wallMs", value: 200, isUsedBeyond: true })
  assertUsage(run)
})

test("the same worker runs again after its CPU limit", { timeout: 60_000 }, async () => {
  const script = "export default (input) => { while (input.loop); return 'fine' }"
  const worker = await DynamicWorker.create({ script, platform, limits: { cpuMs: 50 } })
  assert.equal(codeOf(await worker.execute({ loop: true })), "worker.cpu-limit")
  assert.equal(await worker.run({ loop: false }), "fine")
})

test("a dynamic import of a module that loops ends with the CPU limit", { timeout: 60_000 }, async () => {
  const modules = { "main.js": "export default () => import('./loop.js')", "loop.js": "for(;;);" }
  const worker = await DynamicWorker.create({ modules, mainModule: "main.js", platform, limits: { cpuMs: 50 } })
  assert.equal(codeOf(await worker.execute()), "worker.cpu-limit")
})

test("a required module that loops ends with the CPU limit", { timeout: 60_000 }, async () => {
  const modules = {
    "main.cjs": "module.exports = () => require('./loop.cjs'); require('./loop.cjs')",
    "loop.cjs": "for(;;);",
  }
  const worker = await DynamicWorker.create({ modules, mainModule: "main.cjs", platform, limits: { cpuMs: 50 } })
  assert.equal(codeOf(await worker.execute()), "worker.cpu-limit")
})

test("crypto that takes long ends with the CPU limit", { timeout: 60_000 }, async () => {
  const derive = `const key = await crypto.subtle.importKey("raw", new Uint8Array(8), "PBKDF2", false, ["deriveBits"])
    for (;;) await crypto.subtle.deriveBits({ name: "PBKDF2", hash: "SHA-512", salt: new Uint8Array(8), iterations: 1e6 }, key, 256)`
  const { run } = await attack(`export default async () => { ${derive} }`, { platform, limits: { cpuMs: 200 } })
  assert.deepStrictEqual(limitOf(run), { code: "worker.cpu-limit", limit: "cpuMs", value: 200, isUsedBeyond: true })
})

test("ten runaways of one tenant at once leave room for another tenant", { timeout: 60_000 }, async () => {
  const runaway = await DynamicWorker.create({
    script: "for(;;);",
    platform,
    tenant: "attacker",
    limits: { cpuMs: 300 },
  })
  const runs = Array.from({ length: 10 }, () => runaway.execute())
  const { run } = await attack("export default () => 1", { platform, neighbours: 4 })
  assert.equal(codeOf(run), "ok")
  assert.deepStrictEqual(
    (await Promise.all(runs)).map(codeOf),
    Array.from({ length: 10 }, () => "worker.cpu-limit"),
  )
})
