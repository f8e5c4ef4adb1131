import { createPlatform, DynamicWorkflow, type WorkflowOptions } from "@mayfly/platform"
import { checkLastStep, type StartOptions, type WorkflowContender } from "../contender.ts"
import { Entrances } from "../entrances.ts"

/** What the steps are made of: functions in this process, one script, or code in a fresh isolate each. */
export type MayflyKind = "closures" | "script" | "warm-script" | "code"

/** Mayfly's workflows, through the binding, with a data directory. */
export async function startMayfly(kind: MayflyKind, { folder }: StartOptions): Promise<WorkflowContender> {
  const platform = await createPlatform({ dataDir: folder })
  const entrances = new Entrances()
  const binding = platform.env.WORKFLOWS
  const all = (count: number, make: (n: number) => WorkflowOptions): Promise<unknown[]> =>
    Promise.all(
      Array.from({ length: count }, async (_, n) => (await DynamicWorkflow.create(binding, make(n))).result()),
    )
  const stuck = (count: number): Promise<unknown> =>
    Promise.all(
      Array.from({ length: count }, (_, n) =>
        binding.create({
          id: `stuck-${n}`,
          steps: [
            { name: "before", run: () => 1 },
            {
              name: "under way",
              timeout: "1 hour",
              run: ({ instanceId }) => {
                entrances.enter(instanceId)
                return new Promise(() => {})
              },
            },
          ],
        }),
      ),
    )
  return {
    async run(prefix, count, steps) {
      checkLastStep(await all(count, (n) => ({ id: `${prefix}-${n}`, ...bodies[kind](steps) })), steps)
    },
    sleep: async (prefix, count, at) =>
      (await all(count, (n) => ({ id: `${prefix}-${n}`, ...sleeper(kind, at) }))) as number[],
    async begin(count) {
      const all = entrances.all(count)
      await stuck(count)
      await all
    },
    async resume(count) {
      const all = entrances.all(count)
      await stuck(count)
      return all
    },
    stop: () => platform.dispose(),
  }
}

type Body = Omit<WorkflowOptions, "id">

const scriptOf = (steps: number): string => `export default async (event, step) => {
  let last
  for (let n = 0; n < ${steps}; n++) last = await step.do("step", async () => n)
  return last
}`

const bodies: Readonly<Record<MayflyKind, (steps: number) => Body>> = {
  closures: (steps) => ({
    steps: Array.from({ length: steps }, (_, n) => ({ name: `step-${n}`, run: () => n })),
  }),
  script: (steps) => ({ script: scriptOf(steps) }),
  "warm-script": (steps) => ({ script: scriptOf(steps), reuse: true }) as Body,
  code: (steps) => ({
    steps: Array.from({ length: steps }, (_, n) => ({ name: `step-${n}`, code: `() => ${n}` })),
  }),
}

function sleeper(kind: MayflyKind, at: number): Body {
  if (kind === "closures") {
    return {
      steps: [
        { name: "until", sleepUntil: at },
        { name: "late", run: () => Date.now() - at },
      ],
    }
  }
  return {
    script: `export default async (event, step) => {
      await step.sleepUntil("until", ${at})
      return step.do("late", async () => Date.now() - ${at})
    }`,
    ...(kind === "warm-script" && { reuse: true }),
  }
}
