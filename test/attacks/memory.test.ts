import assert from "node:assert/strict"
import { after, test } from "node:test"
import { createPlatform, DynamicWorker } from "@mayfly/platform"
import { assertUsage, attack, codeOf, limitOf } from "./beside-neighbours.ts"
import { memoryAttacks } from "./memory-attacks.ts"
import { eventually, hostsOf } from "./processes.ts"
import { sample } from "./sample.ts"

// One host process may hold what earlier attacks left, the pool, and growth until the watch sees it.
const maxHostMb = 1_024
const platform = await createPlatform()
after(() => platform.dispose())

for (const { name, script, also = [], env } of sample(memoryAttacks, 9)) {
  test(`memory attack: ${name}`, { timeout: 60_000 }, async () => {
    const { run, peakMb } = await attack(script, { platform, limits: { cpuMs: 1_500 }, ...(env ? { env } : {}) })
    assertUsage(run)
    assert.ok(peakMb < maxHostMb, `a process had ${peakMb} MiB`)
    if (also.includes(codeOf(run)) || codeOf(run) === "worker.cpu-limit") return
    assert.deepStrictEqual(limitOf(run), {
      code: "worker.memory-limit",
      limit: "memoryMb",
      value: 128,
      isUsedBeyond: true,
    })
  })
}

test("the pool has all its processes again after memory attacks", { timeout: 60_000 }, async () => {
  const before = hostsOf().length
  const worker = await DynamicWorker.create({
    script: "const m = new Map(); for (let i = 0; ; i++) m.set(i, { i })",
    platform,
  })
  const codes = (await Promise.all([worker.execute(), worker.execute(), worker.execute()])).map(codeOf)
  assert.deepStrictEqual(codes, ["worker.memory-limit", "worker.memory-limit", "worker.memory-limit"])
  await eventually(() => hostsOf().length >= Math.min(before, 3), "as many hosts as before")
  const healthy = await DynamicWorker.create({ script: "export default (input) => input", platform })
  assert.deepStrictEqual(
    await Promise.all(Array.from({ length: 20 }, (_, index) => healthy.run(index))),
    Array.from({ length: 20 }, (_, i) => i),
  )
})

test("a smaller memory limit holds, a larger one gives room", { timeout: 60_000 }, async () => {
  const script =
    "export default (mb) => { const a = []; for (let i = 0; i < mb; i++) a.push(new Uint8Array(1048576).fill(1)); return a.length }"
  const worker = await DynamicWorker.create({ script, platform })
  const { run } = await attack(script, { platform, limits: { memoryMb: 16 }, input: 400 })
  assert.deepStrictEqual(limitOf(run), {
    code: "worker.memory-limit",
    limit: "memoryMb",
    value: 16,
    isUsedBeyond: true,
  })
  assert.equal(await worker.run(300, { limits: { memoryMb: 512 } }), 300)
  assert.equal(await worker.run(80), 80)
})

test("usage tells the peak of a run that stayed below its limit", { timeout: 60_000 }, async () => {
  const script =
    "export default () => { const a = Array.from({ length: 60 }, () => new Uint8Array(1048576).fill(1)); return a.length }"
  const { run } = await attack(script, { platform })
  assert.equal(codeOf(run), "ok")
  const peakMb = run.usage.peakMemoryBytes / 1_048_576
  assert.ok(peakMb >= 55 && peakMb <= 128, `${peakMb} MiB`)
})

test("a caught allocation failure is the program's own business", { timeout: 60_000 }, async () => {
  const script =
    "export default () => { try { return new ArrayBuffer(1e9).byteLength } catch (error) { return error.name } }"
  const { run } = await attack(script, { platform })
  assert.deepStrictEqual(run.ok ? run.result : run.error.message, "RangeError")
})
