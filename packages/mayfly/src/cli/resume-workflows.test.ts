import assert from "node:assert/strict"
import { test } from "node:test"
import { resumeWorkflows } from "./resume-workflows.ts"

async function* lacking(ids: readonly string[]): AsyncGenerator<{ id: string; params: unknown }> {
  for (const id of ids) yield { id, params: { of: id } }
}

test("resumeWorkflows asks for each, goes on when one fails, and says what is left", async () => {
  const asked: unknown[] = []
  const failed: unknown[] = []
  const said: string[] = []
  let looks = 0
  const worker = {
    canResume: true,
    async resume(instance: { id: string; params: unknown }) {
      asked.push(instance)
      if (instance.id === "b") throw new Error("no")
    },
  }
  const workflows = { lackingCode: () => lacking(looks++ === 0 ? ["a", "b", "c"] : ["b"]) }
  const { signal } = new AbortController()
  await resumeWorkflows(worker, workflows, {
    signal,
    onFailure: (id) => failed.push(id),
    onLeft: (text) => said.push(text),
  })
  assert.deepEqual(
    asked,
    ["a", "b", "c"].map((id) => ({ id, params: { of: id } })),
  )
  assert.deepEqual(failed, ["b"])
  assert.deepEqual(said, ['1 workflow waits for its functions: "b" (needs-code): resume did not create it again'])
})
