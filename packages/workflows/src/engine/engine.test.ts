import assert from "node:assert/strict"
import { test } from "node:test"
import { MayflyError } from "@mayfly/protocol"
import { openStore } from "@mayfly/store"
import type { DynamicWorkflow } from "../api/dynamic-workflow.ts"
import { WorkflowBinding } from "../api/workflow-binding.ts"
import { SystemClock } from "../core/clock.ts"
import { WorkflowEngine } from "./engine.ts"
import type { WorkflowClasses } from "../define/workflow-classes.ts"
import type { WorkerProgram } from "../define/definition.ts"
import { noRunner, type StepRunner } from "../run/step-runner.ts"
import { newFolder, openEngine } from "./engine.fixture.ts"

const timeout = 60_000
const hour = 3_600_000

async function until(done: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await done())) await new Promise((resolve) => setTimeout(resolve, 3))
}

/** Sets the wall clock of this process. */
function setClock(shiftMs: number): Disposable {
  const real = Date.now
  Date.now = () => real() + shiftMs
  return { [Symbol.dispose]: () => (Date.now = real) }
}

const sleeper = (ms: number) => ({ steps: [{ name: "nap", sleep: ms }] })

test("WorkflowEngine wakes who sleeps when the clock jumps forward", { timeout }, async () => {
  await using opened = await openEngine()
  const workflow = await opened.workflows.create(sleeper(hour))
  await until(async () => (await workflow.status()).status === "waiting")
  using _ = setClock(hour + 1)
  assert.equal(await workflow.result(), undefined)
})

test("WorkflowEngine lets nobody sleep longer when the clock jumps back", { timeout }, async () => {
  await using opened = await openEngine()
  const workflow = await opened.workflows.create(sleeper(300))
  await until(async () => (await workflow.status()).status === "waiting")
  using _ = setClock(-hour)
  assert.equal(await workflow.result(), undefined)
})

test("WorkflowEngine wakes who should have woken while no process was there", { timeout }, async () => {
  const folder = newFolder()
  {
    await using opened = await openEngine(folder)
    const batch = Array.from({ length: 20 }, (_, n) => ({ id: `s${n}`, ...sleeper(10_000) }))
    const workflows = await opened.workflows.createBatch(batch)
    await until(async () => (await workflows.at(-1)?.status())?.status === "waiting")
  }
  using _ = setClock(20_000)
  await using opened = await openEngine(folder)
  for (let n = 0; n < 20; n++) {
    const workflow = await opened.workflows.get(`s${n}`)
    assert.equal(await workflow.result(), undefined)
  }
})

test("WorkflowEngine wakes thousands at one moment, each once", { timeout }, async () => {
  await using opened = await openEngine()
  const at = Date.now() + 1_500
  const woken = new Map<string, number>()
  const made: DynamicWorkflow[] = []
  for (let from = 0; from < 2_000; from += 100) {
    const batch = Array.from({ length: 100 }, (_, n) => ({
      id: `w${from + n}`,
      steps: [
        { name: "until", sleepUntil: at },
        {
          name: "count",
          run: ({ instanceId }: { instanceId: string }) => {
            woken.set(instanceId, (woken.get(instanceId) ?? 0) + 1)
          },
        },
      ],
    }))
    made.push(...(await opened.workflows.createBatch(batch)))
  }
  await Promise.all(made.map((workflow) => workflow.result()))
  assert.deepEqual([woken.size, Math.max(...woken.values()), opened.engine.active], [2_000, 1, 0])
})

test("WorkflowEngine goes on when a full disk has room again, and loses nothing", { timeout }, async () => {
  const folder = newFolder()
  const options = (n: number) => ({
    id: `big${n}`,
    steps: [1, 2, 3, 4].map((part) => ({ name: `s${part}`, run: () => String(n).repeat(8_000) })),
  })
  const created: number[] = []
  {
    await using store = await openStore({ directory: folder, maxBytes: 600_000 })
    const errors: unknown[] = []
    await using engine = await WorkflowEngine.start({ store, onError: (error) => errors.push(error) })
    const workflows = new WorkflowBinding({ engine: async () => engine, tenant: "default" })
    for (let n = 0; n < 40; n++) {
      try {
        await workflows.create(options(n))
        created.push(n)
      } catch (error) {
        assert.ok(error instanceof MayflyError && error.code === "store.full", String(error))
      }
    }
    await until(() => errors.length > 0)
    for (const error of errors) assert.ok(error instanceof MayflyError && error.code === "store.full", String(error))
    // Nobody hammers a full disk.
    assert.ok(errors.length < 2_000, String(errors.length))
  }
  assert.ok(created.length > 0)
  await using opened = await openEngine(folder)
  for (const n of created) {
    const workflow = await opened.workflows.create(options(n))
    assert.equal(await workflow.result(), String(n).repeat(8_000))
    const history = await workflow.history()
    const done = history.filter((entry) => entry.type === "step" && entry.phase === "ok")
    assert.equal(done.length, 4)
  }
})

test("WorkflowEngine whose store is closed under it says so, and breaks nothing", { timeout }, async () => {
  const store = await openStore({ directory: newFolder() })
  const errors: unknown[] = []
  const engine = await WorkflowEngine.start({ store, onError: (error) => errors.push(error) })
  const workflows = new WorkflowBinding({ engine: async () => engine, tenant: "default" })
  const gate = Promise.withResolvers<void>()
  const workflow = await workflows.create({ steps: [{ name: "a", run: () => gate.promise }] })
  await until(() => engine.active === 1)
  const result = assert.rejects(workflow.result())
  await store.close()
  gate.resolve()
  await until(() => errors.length > 0)
  await assert.rejects(workflows.create({ steps: [{ name: "a", sleep: 1 }] }), { code: "store.closed" })
  await engine.stop()
  await result
})

test("WorkflowEngine serves tenants in turn", { timeout }, async () => {
  await using opened = await openEngine(undefined, { maxActive: 2 })
  const order: string[] = []
  const gate = Promise.withResolvers<void>()
  const work = (tenant: string) => ({
    steps: [
      {
        name: "work",
        run: async () => {
          await gate.promise
          order.push(tenant)
        },
      },
    ],
  })
  const noisy = await opened.of("noisy").createBatch(Array.from({ length: 60 }, () => work("noisy")))
  const quiet = await opened.of("quiet").create(work("quiet"))
  gate.resolve()
  await Promise.all([...noisy, quiet].map((workflow) => workflow.result()))
  assert.ok(order.indexOf("quiet") <= 4, `after ${order.indexOf("quiet")}`)
})

test("WorkflowEngine deletes what has ended long ago", { timeout }, async () => {
  await using opened = await openEngine()
  const workflow = await opened.workflows.create({ id: "old", retention: 0, steps: [{ name: "a", run: () => 1 }] })
  assert.equal(await workflow.result(), 1)
  assert.equal(await opened.engine.store.purge(Date.now() + 1, 10), 1)
  await assert.rejects(workflow.status(), { code: "workflow.not-found" })
})

test("a second engine on the same store takes over, and the first one writes nothing more", { timeout }, async () => {
  await using store = await openStore({ directory: newFolder() })
  const errors: unknown[] = []
  const gates = [Promise.withResolvers<string>(), Promise.withResolvers<string>()]
  const open = async (index: number): Promise<{ engine: WorkflowEngine; workflow: DynamicWorkflow }> => {
    const engine = await WorkflowEngine.start({ store, onError: (error) => errors.push(error) })
    const workflows = new WorkflowBinding({ engine: async () => engine, tenant: "default" })
    const run = Object.assign(() => gates[index]?.promise, { toString: () => "same" })
    const steps = [
      { name: "a", run },
      { name: "b", run: ({ previous }: { previous: unknown }) => previous },
    ]
    return { engine, workflow: await workflows.create({ id: "fenced", steps }) }
  }
  const first = await open(0)
  await until(() => first.engine.active === 1)
  const second = await open(1)
  await until(() => second.engine.active === 1)
  gates[0]?.resolve("from the first")
  await until(() => first.engine.active === 0)
  gates[1]?.resolve("from the second")
  assert.equal(await second.workflow.result(), "from the second")
  await first.engine.stop()
  await second.engine.stop()
})

test("WorkflowEngine takes an event at once that comes while it looks for what is due", { timeout }, async () => {
  const directory = newFolder()
  const options = {
    id: "a",
    steps: [
      { name: "wait", waitForEvent: "go" },
      { name: "last", run: () => "went on" },
    ],
  }
  {
    await using opened = await openEngine(directory)
    const workflow = await opened.workflows.create(options)
    while ((await workflow.status()).status !== "waiting") await new Promise((resolve) => setImmediate(resolve))
  }
  const system = new SystemClock()
  // Timers never fire: what would be found only by looking again after a while is never found.
  const clock = { now: () => system.now(), at: () => () => {} }
  await using opened = await openEngine(directory, { clock })
  const workflow = await opened.workflows.create(options)
  await workflow.sendEvent({ type: "go" })
  assert.equal(await workflow.result(), "went on")
})

/** Counts what it compiles, and which programs it is asked to run; runs nothing. */
class CountingRunner implements StepRunner {
  readonly checked: WorkerProgram[] = []
  readonly ran = new Set<WorkerProgram>()
  readonly createWorker = noRunner.createWorker

  async check(program: WorkerProgram): Promise<void> {
    this.checked.push(program)
  }

  async runCode(program: WorkerProgram): ReturnType<StepRunner["runCode"]> {
    this.ran.add(program)
    return { ok: true, result: 1 }
  }

  readonly runScript = noRunner.runScript
}

test("WorkflowEngine compiles and reads a definition once for all that come at once", { timeout }, async () => {
  const folder = newFolder()
  const options = { steps: [{ name: "nap", sleep: hour }, { name: "code", code: "() => 1" }] } // oxfmt-ignore
  const runner = new CountingRunner()
  {
    await using opened = await openEngine(folder, { runner })
    const all = Array.from({ length: 50 }, (_, n) => opened.workflows.create({ id: `w${n}`, ...options }))
    for (const workflow of await Promise.all(all))
      await until(async () => (await workflow.status()).wakeAt !== undefined)
    assert.equal(runner.checked.length, 1)
  }
  using _ = setClock(hour + 1)
  await using opened = await openEngine(folder, { runner })
  for (let n = 0; n < 50; n++) assert.equal(await (await opened.workflows.get(`w${n}`)).result(), 1)
  // The runner keeps what it compiled by the program's identity: two would be compiled twice, and share no isolate.
  assert.equal(runner.ran.size, 1)
})

test(
  "WorkflowEngine runs classes of the host's, which wait for each other and for themselves",
  { timeout },
  async () => {
    const folder = newFolder()
    let bodies = 0
    const classes: WorkflowClasses = {
      names: ["Both"],
      async run(name, event, steps, tenant) {
        const own = async (): Promise<unknown> => {
          // Longer than it takes to see that nothing else is left to do.
          await new Promise((resolve) => setTimeout(resolve, 100))
          return (await steps.do({ name: "beside", config: undefined, callback: async () => ++bodies })).value
        }
        const [, beside] = await Promise.all([steps.sleep("nap", hour), own()])
        return [name, tenant, event.workflowName, event.payload, beside]
      },
    }
    {
      await using opened = await openEngine(folder)
      await assert.rejects(opened.workflows.create({ params: 1 }), {
        code: "input.invalid",
        message: /steps is missing/,
      })
      await opened.engine.provideClasses(classes)
      await assert.rejects(opened.workflows.create({ entry: "None" }), { message: /there is Both/ })
      await assert.rejects(opened.workflows.create({ entry: "Both", limits: {} }), { code: "input.invalid" })
      const workflow = await opened.workflows.create({ id: "both", params: 1 })
      // It stays for the step beside its sleep, then it leaves memory.
      await until(async () => (await workflow.status()).status === "waiting")
      assert.equal(bodies, 1)
    }
    using _ = setClock(hour + 1)
    await using opened = await openEngine(folder)
    const workflow = await opened.workflows.get("both")
    await until(async () => (await workflow.status()).reason === "needs-code")
    const lacking: string[] = []
    for await (const { id } of opened.engine.lackingCode()) lacking.push(id)
    assert.deepEqual(lacking, ["both"])
    await opened.engine.provideClasses(classes)
    assert.deepEqual(await workflow.result(), ["Both", "default", "Both", 1, 1])
    assert.equal(bodies, 1)
  },
)
