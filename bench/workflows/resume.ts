// One process of the resume measurement: begins instances and waits, or takes them over and says when their steps ran.
import { createPlatform } from "@mayfly/platform"

const [dataDir = "", count = "0", phase = ""] = process.argv.slice(2)
const total = Number(count)
const platform = await createPlatform({ dataDir })
const started = new Set<string>()
const all = Promise.withResolvers<void>()
let first = 0

await Promise.all(
  Array.from({ length: total }, (_, n) =>
    platform.env.WORKFLOWS.create({
      id: `resume-${n}`,
      steps: [
        { name: "before", run: () => 1 },
        {
          name: "under way",
          timeout: "1 hour",
          run: ({ instanceId }) => {
            first ||= Date.now()
            started.add(instanceId)
            if (started.size === total) all.resolve()
            return new Promise(() => {})
          },
        },
      ],
    }),
  ),
)
await all.promise
console.log(phase === "begin" ? "begun" : JSON.stringify({ first, last: Date.now() }))
setInterval(() => {}, 1_000)
