import { checkLastStep, type StartOptions, type WorkflowContender } from "../contender.ts"
import { Entrances } from "../entrances.ts"
import { importPeer } from "../peers.ts"

type Act = (id: string, count: number) => Promise<unknown>

interface Dbos {
  setConfig(config: object): void
  launch(): Promise<void>
  shutdown(): Promise<void>
  registerWorkflow(act: Act, config: { name: string }): Act
  runStep<T>(act: () => Promise<T>, config: { name: string }): Promise<T>
  sleep(ms: number): Promise<void>
  startWorkflow(
    act: Act,
    options: { workflowID: string },
  ): (...given: Parameters<Act>) => Promise<{ getResult(): Promise<unknown> }>
}

const silent = { info() {}, debug() {}, warn() {}, error() {} }

/** DBOS in this process, on a Postgres that stays when this process is killed. */
export async function startDbos({ databaseUrl }: StartOptions): Promise<WorkflowContender> {
  const { DBOS } = await importPeer<{ DBOS: Dbos }>("@dbos-inc/dbos-sdk")
  const entrances = new Entrances()
  const steps = DBOS.registerWorkflow(
    async (_id, count) => {
      let last
      for (let n = 0; n < count; n++) last = await DBOS.runStep(async () => n, { name: `step-${n}` })
      return last
    },
    { name: "steps" },
  )
  const sleeper = DBOS.registerWorkflow(
    async (_id, at) => {
      await DBOS.sleep(Math.max(0, at - Date.now()))
      return DBOS.runStep(async () => Date.now() - at, { name: "late" })
    },
    { name: "sleeper" },
  )
  const stuck = DBOS.registerWorkflow(
    async (id) => {
      await DBOS.runStep(async () => 1, { name: "before" })
      await DBOS.runStep(
        () => {
          entrances.enter(id)
          return new Promise<never>(() => {})
        },
        { name: "under way" },
      )
    },
    { name: "stuck" },
  )
  DBOS.setConfig({ name: "bench", systemDatabaseUrl: databaseUrl, logger: silent })
  await DBOS.launch()
  const start = async (act: Act, id: string, count: number): Promise<{ getResult(): Promise<unknown> }> =>
    DBOS.startWorkflow(act, { workflowID: id })(id, count)
  const all = (act: Act, prefix: string, count: number, given: number): Promise<unknown[]> =>
    Promise.all(Array.from({ length: count }, async (_, n) => (await start(act, `${prefix}-${n}`, given)).getResult()))
  return {
    async run(prefix, count, length) {
      checkLastStep(await all(steps, prefix, count, length), length)
    },
    sleep: async (prefix, count, at) => (await all(sleeper, prefix, count, at)) as number[],
    async begin(count) {
      void all(stuck, "stuck", count, 0)
      await entrances.all(count)
    },
    resume: (count) => entrances.all(count),
    stop: () => DBOS.shutdown(),
  }
}
