import assert from "node:assert/strict"
import { after, test } from "node:test"
import { createPlatform } from "@mayfly/platform"
import { assertUsage, attack, codeOf, limitOf } from "./beside-neighbours.ts"
import { memoryAttacks } from "./memory-attacks.ts"

const platform = await createPlatform()
after(() => platform.dispose())

for (const { name, script, also = [], env } of memoryAttacks) {
  test(`memory attack at the default limits: ${name}`, { timeout: 120_000 }, async () => {
    const { run, peakMb } = await attack(script, { platform, ...(env ? { env } : {}) })
    assertUsage(run)
    assert.ok(peakMb < 1_024, `a process had ${peakMb} MiB`)
    if (also.includes(codeOf(run))) return
    assert.deepStrictEqual(limitOf(run), {
      code: "worker.memory-limit",
      limit: "memoryMb",
      value: 128,
      isUsedBeyond: true,
    })
  })
}
