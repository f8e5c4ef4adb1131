import assert from "node:assert/strict"
import { after, test } from "node:test"
import { createPlatform, DynamicWorker } from "@mayfly/platform"

const platform = await createPlatform()
after(() => platform.dispose())

const minutes = 3

test(`a run computes for ${minutes} minutes, and short runs beside it work`, async (context) => {
  const script = `const until = Date.now() + input; let turns = 0
    while (Date.now() < until) { for (let at = 0; at < 1e6; at++) turns += at & 1 }
    return turns > 0`
  const long = await DynamicWorker.create({ script, limits: { cpuMs: null, wallMs: null }, platform })
  const short = await DynamicWorker.create({ script: "(input) => input + 1", platform })
  let isOver = false
  const running = long.execute(minutes * 60_000).finally(() => (isOver = true))
  const latencies: number[] = []
  while (!isOver) {
    const started = performance.now()
    assert.equal(await short.run(latencies.length), latencies.length + 1)
    latencies.push(performance.now() - started)
  }
  const run = await running
  assert.deepEqual({ ok: run.ok, result: run.ok && run.result }, { ok: true, result: true })
  // Far less than the wall time is possible on a busy machine; far more than any default limit it is.
  assert.ok(run.usage.cpuMs > 30_000, `it used ${run.usage.cpuMs} ms of CPU`)
  assert.ok(latencies.length > 1_000, `${latencies.length} short runs`)
  latencies.sort((a, b) => a - b)
  const at = (share: number): string => (latencies[Math.floor(latencies.length * share)] ?? 0).toFixed(1)
  context.diagnostic(
    `${latencies.length} short runs beside it: p50 ${at(0.5)} ms, p99 ${at(0.99)} ms, worst ${at(0.9999)} ms`,
  )
})
