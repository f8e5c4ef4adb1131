// A process that one of its workflows kills each time, among innocent ones.
import { setTimeout as wait } from "node:timers/promises"
import { createPlatform, DynamicWorkflow } from "@mayfly/platform"

const [dataDir] = process.argv.slice(2)
const platform = await createPlatform({ dataDir: dataDir ?? "", hosts: 1, spare: false })
const culprit = await DynamicWorkflow.create(platform.env.WORKFLOWS, {
  id: "culprit",
  steps: [{ name: "dies", run: () => process.kill(process.pid, "SIGKILL") }],
})
const innocent = await Promise.all(
  Array.from({ length: 5 }, (_, n) =>
    DynamicWorkflow.create(platform.env.WORKFLOWS, {
      id: `innocent-${n}`,
      steps: [
        { name: "slow", run: () => wait(30) },
        { name: "done", run: () => n },
      ],
    }),
  ),
)
const code = await culprit.result().catch((error: { code?: string }) => error.code)
const results = await Promise.all(innocent.map((workflow) => workflow.result()))
process.stdout.write(JSON.stringify({ code, results }))
await platform.dispose()
