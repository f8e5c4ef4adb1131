import assert from "node:assert/strict"
import { after, test } from "node:test"
import { MayflyError } from "@mayfly/protocol"
import { createPlatform, DynamicWorkflow, Sandbox } from "../index.ts"

const sandboxes = { offer: ["virtual"] } as const
const platform = await createPlatform({ hosts: 1, isolates: 2, spare: false, sandboxes })
after(() => platform.dispose())

function coded(code: string): (error: unknown) => boolean {
  return (error) => error instanceof MayflyError && error.code === code
}

test("a suspended tenant's workflow is held in the middle of its step, and goes on when that is lifted", async () => {
  const tenant = "held"
  const workflows = platform.workflows(tenant)
  const begun = [Promise.withResolvers<void>(), Promise.withResolvers<void>()]
  let attempts = 0
  const steps = [
    { name: "first", code: "1" },
    {
      name: "slow",
      run: async ({ signal }: { signal: AbortSignal }) => {
        const attempt = attempts++
        begun[attempt]?.resolve()
        if (attempt === 0)
          await new Promise((_resolve, reject) =>
            signal.addEventListener("abort", () => reject(signal.reason as Error)),
          )
        return "done"
      },
    },
  ]
  const workflow = await DynamicWorkflow.create(workflows, { id: "w", steps })
  await begun[0]?.promise
  await platform.tenants.suspend(tenant)
  for (;;) {
    const { status, reason } = await workflow.status()
    if (status === "waiting" && reason === "suspended") break
  }
  await assert.rejects(DynamicWorkflow.create(workflows, { id: "other", steps }), coded("tenant.suspended"))
  await platform.tenants.resume(tenant)
  assert.equal(await workflow.result(), "done")
  assert.equal(attempts, 2)
  const { total } = await platform.usage.query({ tenant })
  assert.deepEqual([total.workflowInstances, total.workflowSteps, total.runs], [1, 2, 1])
})

test("instances that have not ended are counted in the transaction that makes one", async () => {
  const tenant = "many"
  await platform.tenants.set(tenant, { quota: { workflows: 3 } })
  const workflows = platform.workflows(tenant)
  const steps = [{ name: "event", waitForEvent: "go" }]
  const made = await Promise.allSettled(
    Array.from({ length: 10 }, (_, n) => DynamicWorkflow.create(workflows, { id: `w${n}`, steps })),
  )
  assert.equal(made.filter(({ status }) => status === "fulfilled").length, 3)
  const refused = made.flatMap((one) => (one.status === "rejected" ? [(one.reason as MayflyError).code] : []))
  assert.deepEqual(new Set(refused), new Set(["quota.count"]))
  const [first] = made.flatMap((one) => (one.status === "fulfilled" ? [one.value] : []))
  // The same again is no other one.
  await DynamicWorkflow.create(workflows, { id: first?.id ?? "", steps })
  await first?.terminate()
  await DynamicWorkflow.create(workflows, { id: "later", steps })
  await assert.rejects(first?.restart() ?? Promise.resolve(), coded("quota.count"))
})

test("children of a workflow count, and one too many fails its step", async () => {
  const tenant = "parents"
  await platform.tenants.set(tenant, { quota: { workflows: 2 } })
  const child = { steps: [{ name: "event", waitForEvent: "go" }] }
  const steps = [
    {
      name: "all",
      parallel: [
        { name: "a", workflow: child },
        { name: "b", workflow: child },
      ],
    },
  ]
  const parent = await DynamicWorkflow.create(platform.workflows(tenant), { id: "p", steps: steps as never })
  await assert.rejects(
    parent.result(),
    (error) => error instanceof MayflyError && /quota\.count/.test(JSON.stringify(error)),
  )
})

test("a suspended tenant's sandbox stops and does not start; its time awake is counted", async () => {
  const tenant = "boxes"
  await platform.tenants.set(tenant, { quota: { sandboxes: 1 } })
  const sandboxes = platform.sandboxes(tenant)
  const made = await Promise.allSettled([1, 2, 3].map((n) => sandboxes.create({ id: `quota-box-${n}` })))
  const [sandbox] = made.flatMap((one) => (one.status === "fulfilled" ? [one.value] : []))
  assert.ok(sandbox instanceof Sandbox)
  const codes = made.map((one) => (one.status === "rejected" ? (one.reason as MayflyError).code : "made"))
  assert.deepEqual(codes.toSorted(), ["made", "quota.count", "quota.count"])
  const begun = Promise.withResolvers<void>()
  const running = sandbox.exec("echo begun; sleep 60", { onOutput: () => begun.resolve() })
  running.catch(() => {})
  await begun.promise
  await platform.tenants.suspend(tenant)
  await assert.rejects(running)
  assert.equal((await sandbox.info()).status, "stopped")
  await assert.rejects(sandbox.exec("true"), coded("tenant.suspended"))
  await assert.rejects(sandboxes.create(), coded("tenant.suspended"))
  const { total } = await platform.usage.query({ tenant })
  assert.ok(total.sandboxMs > 0)
  await platform.tenants.resume(tenant)
  assert.equal((await sandbox.exec("echo back")).stdout, "back\n")
  await sandbox.destroy()
})

test("a quota of sandboxes bounds their snapshots too, also when many are taken at once; a suspended tenant takes none", async () => {
  const tenant = "copies"
  await platform.tenants.set(tenant, { quota: { sandboxes: 1 } })
  const sandboxes = platform.sandboxes(tenant)
  const sandbox = await sandboxes.create({ provider: "virtual" })
  const taken = await Promise.allSettled(Array.from({ length: 12 }, () => sandbox.snapshot()))
  const codes = taken.flatMap((one) => (one.status === "rejected" ? [(one.reason as MayflyError).code] : []))
  assert.deepEqual(codes, ["quota.count", "quota.count"])
  const [first, ...more] = await sandboxes.snapshots()
  assert.equal(more.length, 9)
  await sandboxes.removeSnapshot(first?.id ?? "")
  await sandbox.snapshot()
  await platform.tenants.suspend(tenant)
  await assert.rejects(sandbox.snapshot(), coded("tenant.suspended"))
  await platform.tenants.resume(tenant)
  for (const { id } of await sandboxes.snapshots()) await sandboxes.removeSnapshot(id)
  await sandbox.destroy()
})

test("steps that come too early for their tenant's rate wait, and none of them fails", async () => {
  const tenant = "slow"
  await platform.tenants.set(tenant, { quota: { runsPerSecond: 50, burst: 1 } })
  const steps = [1, 2, 3].map((n) => ({ name: `step ${n}`, code: `${n}`, retries: { limit: 0 } }))
  const workflow = await DynamicWorkflow.create(platform.workflows(tenant), { id: "w", steps })
  assert.equal(await workflow.result(), 3)
  const { total } = await platform.usage.query({ tenant })
  assert.deepEqual([total.runs, total.failedRuns, total.workflowSteps], [3, 0, 3])
})

test("a suspension wins over settings that are changed at the same moment", async () => {
  const { tenants } = platform
  await Promise.all([
    tenants.set("racing", { quota: { concurrentRuns: 1 } }),
    tenants.suspend("racing"),
    tenants.set("racing", { quota: { concurrentRuns: 2 } }),
  ])
  const { suspended, quota } = await tenants.get("racing")
  assert.deepEqual([suspended?.reason, quota], ["", { concurrentRuns: 2 }])
})
