import assert from "node:assert/strict"
import { test } from "node:test"
import { createPlatform, DynamicWorker } from "@mayfly/platform"
import { eventually, hostsOf, processesOf } from "../attacks/processes.ts"

const sleeper = "export default async (ms) => { await new Promise((done) => setTimeout(done, ms)); return ms }"
const timeout = 90_000

function stop(pids: readonly number[]): number {
  for (const pid of pids) process.kill(pid, "SIGSTOP")
  return pids.length
}

test("hosts that hang (SIGSTOP) lose their runs to the wall limit and are replaced", { timeout }, async () => {
  await using platform = await createPlatform()
  const worker = await DynamicWorker.create({ script: sleeper, platform, limits: { wallMs: 1_000 } })
  await worker.run(1)
  const run = worker.execute(800)
  await worker.run(1)
  stop(hostsOf())
  const ended = await run
  assert.ok(ended.ok || ["worker.wall-limit", "worker.host-crashed"].includes(ended.error.code))
  await eventually(
    () =>
      worker.run(1).then(
        (value) => value === 1,
        () => false,
      ),
    "runs work again",
    60_000,
  )
})

test("hosts that hang while they start are replaced", { timeout }, async () => {
  await using platform = await createPlatform()
  const worker = await DynamicWorker.create({ script: sleeper, platform: { runtime: platform.runtime } })
  await eventually(() => stop(hostsOf()) > 0, "a host has started")
  const until = AbortSignal.timeout(60_000)
  const run = await worker.execute(1, { signal: until })
  assert.deepStrictEqual(run.ok ? run.result : run.error.code, 1)
})

test("a compiler that hangs is replaced", { timeout }, async () => {
  await using platform = await createPlatform()
  await eventually(() => stop(processesOf("/compiler.mjs")) > 0, "the compiler has started")
  const create = (): Promise<string> =>
    DynamicWorker.create({ script: `${Math.random()} > 2`, platform }).then(
      () => "compiled",
      (error: { code?: string }) => String(error.code),
    )
  const late = new Promise<string>((resolve) => setTimeout(resolve, 40_000, "nothing for 40 s").unref())
  assert.ok(["compiled", "worker.compile-timeout"].includes(await Promise.race([create(), late])))
  assert.equal(await Promise.race([create(), late]), "compiled")
})
