import assert from "node:assert/strict"
import { test } from "node:test"
import { createPlatform, type DynamicWorkflow } from "@mayfly/platform"
import { hostsOf } from "../attacks/processes.ts"

const timeout = 90_000
const script = `
export default async (event, step) => {
  const pause = () => new Promise((resolve) => setTimeout(resolve, 10))
  const parts = []
  for (let n = 0; n < 6; n++) {
    const [a, b] = await Promise.all(["a", "b"].map((name) => step.do("part", async () => { await pause(); return name + n })))
    parts.push(a + b)
    if (n === 3) await step.sleep("nap", 20)
  }
  return parts.join()
}`

test("scripts go on elsewhere when the process of their isolate is killed", { timeout }, async () => {
  await using platform = await createPlatform()
  const workflows: DynamicWorkflow[] = []
  for (let n = 0; n < 12; n++)
    workflows.push(await platform.env.WORKFLOWS.create({ id: `host-${n}`, script, reuse: n % 2 === 0 }))
  const results = Promise.all(workflows.map((workflow) => workflow.result()))
  let isDone = false
  const done = results.finally(() => (isDone = true))
  for (let round = 0; round < 4 && !isDone; round++) {
    await new Promise((resolve) => setTimeout(resolve, 60))
    for (const pid of hostsOf()) {
      try {
        process.kill(pid, "SIGKILL")
      } catch {
        // It is gone already.
      }
    }
  }
  const expected = [0, 1, 2, 3, 4, 5].map((n) => `a${n}b${n}`).join()
  assert.deepEqual(
    await done,
    workflows.map(() => expected),
  )
})
