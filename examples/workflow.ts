// Steps that arrive as data, durable: each runs once, whatever happens to the process, with retries of its own.
import assert from "node:assert/strict"
import { mkdtemp, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { createPlatform, DynamicWorkflow } from "mayfly"

const task = {
  taskId: "task-1",
  steps: [
    { code: "(input) => input.map((word) => word.length)", input: ["may", "fly"] },
    { code: "export default async (input) => ({ doubled: input * 2 })", input: 21 },
  ],
}

const dataDir = await mkdtemp(join(tmpdir(), "mayfly-example-"))
try {
  await using platform = await createPlatform({ dataDir })
  const env = platform.env

  const workflow = await DynamicWorkflow.create(env.WORKFLOWS, {
    id: task.taskId,
    steps: task.steps.map((step, i) => ({
      name: `step-${i}`,
      run: async (ctx) => {
        const worker = await ctx.createWorker(step.code)
        return worker.run(step.input)
      },
      retries: { limit: 3, backoff: "exponential", delay: "1 second" },
    })),
  })

  assert.equal(workflow.id, "task-1")
  assert.deepEqual(await workflow.result(), { doubled: 42 })
  // A step that takes longer also has a row for its start.
  const history = (await workflow.history()).filter((entry) => entry.type !== "step" || entry.phase !== "start")
  assert.deepEqual(
    history.map((entry) => (entry.type === "step" ? [entry.step.name, entry.phase, entry.output] : entry.what)),
    [["step-0", "ok", [3, 3]], ["step-1", "ok", { doubled: 42 }], "complete"],
  )
} finally {
  await rm(dataDir, { recursive: true })
}
