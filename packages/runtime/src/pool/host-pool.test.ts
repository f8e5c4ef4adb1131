import assert from "node:assert/strict"
import { test } from "node:test"
import { createRuntime } from "../runtime.ts"
import { DynamicWorker } from "../worker/dynamic-worker.ts"

test(
  "a process that was started beside a long run goes when it is not needed any longer, although runs never stop",
  {
    timeout: 60_000,
  },
  async () => {
    const runtime = createRuntime({ hosts: 1, spare: false, burstMs: 300 })
    const platform = { runtime }
    try {
      await using long = await DynamicWorker.create({ script: "for (;;);", platform, limits: { cpuMs: null } })
      await using short = await DynamicWorker.create({ script: "return 1", platform })
      const end = new AbortController()
      const ended = long.execute(undefined, { signal: end.signal })
      while (runtime.pool.stats().hosts < 2) await short.run()
      end.abort()
      assert.equal((await ended).ok, false)
      // Two at once, so that there is always one that would like another process.
      const client = async (): Promise<void> => {
        while (runtime.pool.stats().hosts > 1) await short.run()
      }
      await Promise.all([client(), client()])
      assert.equal(runtime.pool.stats().hosts, 1)
    } finally {
      await runtime.dispose()
    }
  },
)
