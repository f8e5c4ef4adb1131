import assert from "node:assert/strict"
import { after, test } from "node:test"
import { createPlatform } from "@mayfly/platform"
import { assertUsage, attack, codeOf, limitOf } from "./beside-neighbours.ts"
import { cpuAttacks } from "./cpu-attacks.ts"

const platform = await createPlatform()
after(() => platform.dispose())

test("every CPU attack ends at the default limit", { concurrency: 4 }, async (suite) => {
  await Promise.all(
    cpuAttacks.map(({ name, script, also = [], env }) =>
      suite.test(name, { timeout: 180_000 }, async () => {
        const { run } = await attack(script, { platform, ...(env ? { env } : {}) })
        assertUsage(run)
        if (also.includes(codeOf(run))) return
        assert.deepStrictEqual(limitOf(run), {
          code: "worker.cpu-limit",
          limit: "cpuMs",
          value: 5_000,
          isUsedBeyond: true,
        })
        assert.ok(run.usage.cpuMs >= 5_000 && run.usage.cpuMs < 6_000, `${run.usage.cpuMs} ms of CPU`)
      }),
    ),
  )
})
