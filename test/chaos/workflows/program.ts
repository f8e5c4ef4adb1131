// A process that runs workflows and dies where it is told to. See kill-run.ts.
import { appendFileSync } from "node:fs"
import { setTimeout as wait } from "node:timers/promises"
import { openStore, type Procedures, type Store, type StoreOwner, type Tables } from "@mayfly/store"
import { type ScriptSteps, type StepContext, type StepRunner, WorkflowBinding, WorkflowEngine } from "@mayfly/workflows"

/** What the parent decides. `at`: which write; 0 for none. */
interface Plan {
  readonly directory: string
  readonly effects: string
  readonly instances: number
  readonly seed: number
  readonly at: number
  readonly when: "before" | "sent" | "after"
  /** Of each thousand writes, how many fail before and how many fail after they were done. */
  readonly faults: number
}

const plan = JSON.parse(process.argv[2] ?? "{}") as Plan
let state = plan.seed >>> 0
function random(): number {
  state = (state + 0x6d2b79f5) >>> 0
  let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
  mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
  return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296
}

const die = (): void => void process.kill(process.pid, "SIGKILL")
let writes = 0

/** The store, with a bomb at one of its writes, and faults. */
function trapped(store: Store): Store {
  return {
    blobs: store.blobs,
    async attach<Known extends Procedures>(owner: StoreOwner): Promise<Tables<Known>> {
      const tables = await store.attach<Known>(owner)
      return {
        read: (sql, parameters, options) => tables.read(sql, parameters, options),
        write: (statements) => tables.write(statements),
        call: async (name, argument) => {
          if (name === "due") return tables.call(name, argument)
          const isHit = ++writes === plan.at
          if (isHit && plan.when === "before") die()
          const fault = name === "commit" ? random() * 1_000 : 1_000
          if (fault < plan.faults) throw new Error("injected: not written")
          const written = tables.call(name, argument)
          if (isHit && plan.when === "sent") setImmediate(die)
          const result = await written
          if (isHit && plan.when === "after") die()
          if (fault < plan.faults * 2) throw new Error("injected: written, but nobody knows")
          return result
        },
      }
    },
    check: () => store.check(),
    close: () => store.close(),
    [Symbol.asyncDispose]: () => store.close(),
  }
}

/** What the outside world sees: one line per body that ran, before its result can be known. */
function effect(id: string, step: string): void {
  appendFileSync(plan.effects, `${id} ${step}\n`)
}

const pause = (): Promise<void> => wait(Math.floor(random() * 6))

/** Cloudflare's shape, in this process: names that repeat in parallel, a race, retries, sleeps, an event, steps in steps, a child. */
async function script(id: string, steps: ScriptSteps): Promise<unknown> {
  const step = async (name: string, body: (attempt: number) => unknown, config?: object): Promise<unknown> => {
    const { value } = await steps.do({
      name,
      config,
      callback: async (context: { attempt: number; step: { count: number } }) => {
        effect(id, `do:${name}#${context.step.count} ${context.attempt}`)
        return body(context.attempt)
      },
    })
    return value
  }
  const a = await step("a", () => 1)
  const branches = await Promise.all(
    ["x", "y", "z"].map(async (branch) => {
      const fetched = await step(`fetch ${branch}`, async () => {
        await pause()
        return branch
      })
      const saved = await step("save", async () => {
        await pause()
        return `${fetched as string}!`
      })
      return `${fetched as string}:${saved as string}`
    }),
  )
  const flaky = await step(
    "flaky",
    (attempt) => {
      if (attempt < 3) throw new Error("not yet")
      return attempt
    },
    { retries: { limit: 4, delay: 2, backoff: "linear" } },
  )
  await steps.sleep("nap", 15)
  await steps.sleepUntil("moment", 1)
  const { value: event } = await steps.waitForEvent("approval", { type: "go", timeout: "5 minutes" })
  const timedOut = await steps
    .waitForEvent("nothing", { type: "never", timeout: 5 })
    .catch((error: Error) => error.name)
  const kid = await steps
    .workflow("kid", {
      steps: [
        { name: "nap", sleep: 3 },
        { name: "w", waitForEvent: "none", timeout: 2 },
      ],
    })
    .catch((error: Error) => error.name)
  const winner = await Promise.race([
    step("slow", async () => {
      await wait(20)
      return "slow"
    }),
    step("fast", () => "fast"),
  ])
  const outer = await step("outer", async () => [await step("inner", () => "i"), await step("inner", () => "j")])
  // What the winner decides must be decided once.
  const decided = await step(`after ${winner as string}`, () => winner)
  return {
    a,
    branches,
    flaky,
    event: (event as { payload: unknown }).payload,
    timedOut,
    kid,
    outer,
    agrees: decided === winner,
  }
}

const runner: StepRunner = {
  check: async () => {},
  runCode: () => Promise.reject(new Error("no code here")),
  createWorker: () => Promise.reject(new Error("no code here")),
  runScript: (_program, { event, steps }) => ({
    ended: script(event.instanceId, steps).then(
      (result) => ({ ok: true, result }) as const,
      (error: unknown) => ({ ok: false, error }) as const,
    ),
    turn: () => new Promise((resolve) => setImmediate(() => resolve(true))),
    trace: () => ({}),
    dispose() {},
  }),
}

/** A list of closures, with a saga that fails and is undone. */
function list(id: string): Parameters<WorkflowBinding["create"]>[0] {
  const seen =
    (name: string, body: (ctx: StepContext) => unknown) =>
    (ctx: StepContext): unknown => {
      effect(id, `${name} ${ctx.attempt}`)
      return body(ctx)
    }
  const undo = (name: string) => ({ rollback: seen(`rollback:${name}#1`, () => "undone") })
  return {
    id,
    steps: [
      { name: "book", run: seen("do:book#1", () => "b"), ...undo("book") },
      {
        name: "both",
        parallel: ["p", "q"].map((name) => ({ name, run: seen(`do:${name}#1`, pause), ...undo(name) })),
      },
      { name: "nap", sleep: 4 },
      {
        name: "fails",
        run: seen("do:fails#1", () => {
          throw new Error("sold out")
        }),
        retries: { limit: 1, delay: 2, backoff: "constant" },
        ...undo("fails"),
      },
    ],
  }
}

const store = await openStore({ directory: plan.directory })
const engine = await WorkflowEngine.start({ store: trapped(store), runner })
const workflows = new WorkflowBinding({ engine: async () => engine, tenant: "default" })
const all = async <T>(make: (n: number) => Promise<T>): Promise<T[]> =>
  Promise.all(Array.from({ length: plan.instances }, (_, n) => make(n)))
/** Callers repeat what may not have happened. */
async function again<T>(call: () => Promise<T>): Promise<T> {
  for (;;) {
    try {
      return await call()
    } catch (error) {
      if (!String(error).includes("injected")) throw error
    }
  }
}
const outputs = await all(async (n) => {
  const id = `script-${n}`
  const workflow = await again(() => workflows.create({ id, script: "in this process" }))
  for (const eventId of ["e1", "e1"]) {
    await again(() => workflow.sendEvent({ type: "go", payload: "yes", eventId })).catch((error: { code?: string }) => {
      if (error.code !== "workflow.ended") throw error
    })
  }
  const saga = await again(() => workflows.create(list(`list-${n}`)))
  const failure = await saga.result().catch((error: Error) => error.message)
  return [await workflow.result(), failure, (await saga.status()).rollback]
})
process.stdout.write(JSON.stringify({ outputs, writes }))
await engine.stop()
await store.close()
