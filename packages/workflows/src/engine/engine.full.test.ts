import assert from "node:assert/strict"
import { statSync } from "node:fs"
import { join } from "node:path"
import { test } from "node:test"
import { newFolder, openEngine } from "./engine.fixture.ts"

const timeout = 600_000

async function until(done: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await done())) await new Promise((resolve) => setTimeout(resolve, 50))
}

test(
  "100,000 sleeping instances hold nothing but their rows, and a start with them is quick",
  { timeout },
  async () => {
    const count = 100_000
    const folder = newFolder()
    {
      await using opened = await openEngine(folder)
      for (let from = 0; from < count; from += 1_000) {
        const made = Array.from({ length: 1_000 }, (_, n) =>
          opened.workflows.create({ id: `s${from + n}`, steps: [{ name: "nap", sleep: "30 days" }] }),
        )
        await Promise.all(made)
      }
      await until(async () => {
        const { workflows } = await opened.workflows.list({ limit: 1 })
        return opened.engine.active === 0 && workflows[0]?.status === "waiting"
      })
      const heap = process.memoryUsage().heapUsed
      assert.ok(heap < 200 << 20, `${heap} bytes of heap`)
    }
    const bytes = statSync(join(folder, "mayfly.db")).size / count
    assert.ok(bytes < 1_024, `${bytes} bytes each`)
    const began = performance.now()
    await using opened = await openEngine(folder)
    const workflow = await opened.workflows.create({ id: "new", steps: [{ name: "a", run: () => 1 }] })
    assert.equal(await workflow.result(), 1)
    assert.ok(performance.now() - began < 10_000)
  },
)

test("10,000 instances wake at one moment, each once", { timeout }, async () => {
  await using opened = await openEngine(newFolder())
  const at = Date.now() + 15_000
  let woken = 0
  const made = []
  for (let from = 0; from < 10_000; from += 1_000) {
    const batch = Array.from({ length: 1_000 }, (_, n) =>
      opened.workflows.create({
        id: `w${from + n}`,
        steps: [
          { name: "until", sleepUntil: at },
          { name: "count", run: () => ++woken },
        ],
      }),
    )
    made.push(...(await Promise.all(batch)))
  }
  const results = await Promise.all(made.map((workflow) => workflow.result()))
  assert.equal(new Set(results).size, 10_000)
})

test("an instance of 10,000 steps replays them", { timeout }, async () => {
  await using opened = await openEngine(newFolder())
  const steps = Array.from({ length: 9_998 }, (_, n) => ({ name: `s${n}`, run: () => n }))
  const workflow = await opened.workflows.create({
    steps: [...steps, { name: "nap", sleep: 500 }, { name: "last", run: () => "done" }],
  })
  assert.equal(await workflow.result(), "done")
})
