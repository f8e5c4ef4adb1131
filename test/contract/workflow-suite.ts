import assert from "node:assert/strict"
import { randomUUID } from "node:crypto"
import { test } from "node:test"
import { codeOf, type Subject } from "./subject.ts"

/** Dynamic workflows, those that are data: functions can't be sent. */
export function workflowSuite(subject: () => Subject): void {
  test("steps run in order, with inputs from the steps before", async () => {
    const workflow = await subject().createWorkflow({
      id: `steps-${randomUUID()}`,
      steps: [
        { name: "one", code: "(input) => input * 2n", input: 21n },
        { name: "two", code: "(input) => new Map([['got', input]])", input: { $from: "one" } },
      ],
    })
    assert.deepEqual(await workflow.result(), new Map([["got", 42n]]))
    const { status, output } = await workflow.status()
    assert.deepEqual([status, output], ["complete", new Map([["got", 42n]])])
  })

  test("an event goes on with what waits; pause and resume; history and subscription agree", async () => {
    const workflow = await subject().createWorkflow({
      id: `event-${randomUUID()}`,
      steps: [
        { name: "ask", waitForEvent: "approved" },
        { name: "end", code: "(input) => input.payload", input: { $from: "ask" } },
      ],
    })
    await workflow.pause()
    // A step that is under way ends before.
    for await (const entry of workflow.subscribe()) if (entry["what"] === "paused") break
    assert.equal((await workflow.status())["status"], "paused")
    await workflow.resume()
    await workflow.sendEvent({ type: "approved", payload: new Date(5) })
    assert.deepEqual(await workflow.result(), new Date(5))
    const told = []
    for await (const entry of workflow.subscribe()) told.push(entry)
    assert.deepEqual(told, await workflow.history())
  })

  test("a failed workflow, one that is not there, and wrong ones have the same codes", async () => {
    const { createWorkflow, workflows } = subject()
    const failing = await createWorkflow({
      id: `fails-${randomUUID()}`,
      steps: [{ name: "bad", code: "() => { throw new RangeError('no') }", retries: { limit: 0 } }],
    })
    const error = await failing.result().catch((caught: unknown) => caught)
    const { code, message, details } = error as { code: string; message: string; details: Record<string, unknown> }
    assert.deepEqual(
      [code, message, details["name"], details["id"]],
      ["workflow.failed", "no", "RangeError", failing.id],
    )
    assert.deepEqual(await codeOf(workflows.get("not-there")), { code: "workflow.not-found" })
    assert.deepEqual(await codeOf(failing.pause()), { code: "workflow.ended" })
    assert.deepEqual(await codeOf(createWorkflow({ steps: [{ name: "", code: "1" }] })), {
      code: "input.invalid",
      path: "steps[0].name",
    })
    const other = { id: failing.id, steps: [{ name: "other", code: "() => 1" }] }
    assert.deepEqual(await codeOf(createWorkflow(other)), { code: "workflow.exists" })
    await failing.delete()
    assert.deepEqual(await codeOf(workflows.get(failing.id)), { code: "workflow.not-found" })
  })

  test("terminate ends it for all who wait; restart runs it again", async () => {
    const workflow = await subject().createWorkflow({
      id: `ends-${randomUUID()}`,
      steps: [{ name: "wait", waitForEvent: "never" }],
    })
    const result = codeOf(workflow.result())
    await workflow.terminate()
    assert.deepEqual(await result, { code: "workflow.terminated" })
    await workflow.restart()
    await workflow.sendEvent({ type: "never", payload: 1 })
    assert.equal(((await workflow.result()) as { payload: unknown }).payload, 1)
  })
}
