import { join } from "node:path"
import { checkLastStep, type StartOptions, type WorkflowContender } from "../contender.ts"
import { Entrances } from "../entrances.ts"
import { importPeer } from "../peers.ts"

interface Step {
  run<T>(config: { name: string }, act: () => T | Promise<T>): Promise<T>
  sleep(name: string, duration: string): Promise<void>
}

interface Input {
  readonly id: string
  readonly steps: number
  readonly at: number
}

type Act<T> = (given: { input: Input; step: Step }) => Promise<T>

interface Runnable {
  run(input: Input): Promise<unknown>
}

interface Main {
  OpenWorkflow: new (options: { backend: unknown }) => {
    defineWorkflow<T>(spec: { name: string }, act: Act<T>): Runnable
    newWorker(options: { concurrency: number }): { start(): Promise<void>; stop(): Promise<void> }
  }
}

interface Sqlite {
  BackendSqlite: { connect(path: string): { stop(): Promise<void> } }
}

const concurrency = 1_000

/**
 * openworkflow with its SQLite store and one worker in this process. Its handles ask for the result once per second, so the end is taken from the workflow
 * itself: a little before its last write.
 */
export async function startOpenworkflow({ folder }: StartOptions): Promise<WorkflowContender> {
  const { OpenWorkflow } = await importPeer<Main>("openworkflow")
  const { BackendSqlite } = await importPeer<Sqlite>("openworkflow/sqlite")
  const backend = BackendSqlite.connect(join(folder, "openworkflow.db"))
  const engine = new OpenWorkflow({ backend })
  const entrances = new Entrances()
  const ends = new Map<string, (answer: unknown) => void>()
  const define = (name: string, act: Act<unknown>): Runnable =>
    engine.defineWorkflow({ name }, async (given) => {
      const answer = await act(given)
      ends.get(given.input.id)?.(answer)
      return answer
    })
  const steps = define("steps", async ({ input, step }) => {
    let last
    for (let n = 0; n < input.steps; n++) last = await step.run({ name: `step-${n}` }, () => n)
    return last
  })
  const sleeper = define("sleeper", async ({ input, step }) => {
    await step.sleep("until", `${Math.max(1, input.at - Date.now())}ms`)
    return step.run({ name: "late" }, () => Date.now() - input.at)
  })
  const stuck = define("stuck", async ({ input, step }) => {
    await step.run({ name: "before" }, () => 1)
    await step.run({ name: "under way" }, () => {
      entrances.enter(input.id)
      return new Promise<never>(() => {})
    })
  })
  const worker = engine.newWorker({ concurrency })
  await worker.start()
  const one = async (runnable: Runnable, input: Input): Promise<unknown> => {
    const { promise, resolve } = Promise.withResolvers<unknown>()
    ends.set(input.id, resolve)
    await runnable.run(input)
    return promise
  }
  const all = (runnable: Runnable, prefix: string, count: number, rest: Omit<Input, "id">): Promise<unknown[]> =>
    Promise.all(Array.from({ length: count }, (_, n) => one(runnable, { id: `${prefix}-${n}`, ...rest })))
  return {
    async run(prefix, count, length) {
      checkLastStep(await all(steps, prefix, count, { steps: length, at: 0 }), length)
    },
    sleep: async (prefix, count, at) => (await all(sleeper, prefix, count, { steps: 0, at })) as number[],
    async begin(count) {
      void all(stuck, "stuck", count, { steps: 0, at: 0 })
      await entrances.all(count)
    },
    resume: (count) => entrances.all(count),
    async stop() {
      await worker.stop()
      await backend.stop()
    },
  }
}
