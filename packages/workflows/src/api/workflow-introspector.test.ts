import assert from "node:assert/strict"
import { test } from "node:test"
import { openEngine } from "../engine/engine.fixture.ts"

const timeout = 30_000

test("WorkflowIntrospector skips time, replaces steps and sends events", { timeout }, async () => {
  await using opened = await openEngine()
  using introspector = await opened.workflows.introspect("tested")
  introspector
    .disableSleeps()
    .disableRetryDelays()
    .mockStepResult({ name: "model" }, { text: "mocked" })
    .mockStepError({ name: "flaky" }, new Error("first"), 2)
    .mockEvent({ type: "approved", payload: { by: "Ada" } })
  const steps = [
    { name: "model", run: () => assert.fail("it must not run") },
    { name: "nap", sleep: "30 days" },
    { name: "flaky", run: ({ attempt }: { attempt: number }) => attempt },
    { name: "ask", waitForEvent: "approved" },
    { name: "all", run: ({ results }: { results: object }) => results },
  ]
  const workflow = await opened.workflows.create({ id: "tested", steps })
  assert.deepEqual(await introspector.waitForStepResult(workflow, { name: "model" }), { text: "mocked" })
  await introspector.waitForStatus(workflow, "complete")
  const { flaky, ask } = (await workflow.result()) as { flaky: number; ask: { payload: unknown } }
  assert.deepEqual([flaky, ask.payload], [3, { by: "Ada" }])
  await assert.rejects(introspector.waitForStepResult(workflow, { name: "nothing" }), /without a result/)
})

test("WorkflowIntrospector leaves other instances alone, and all when it is disposed", { timeout }, async () => {
  await using opened = await openEngine()
  {
    using introspector = await opened.workflows.introspect("one")
    introspector.mockStepResult({ name: "a" }, "mocked").forceStepTimeout({ name: "b" })
    const two = await opened.workflows.create({ id: "two", steps: [{ name: "a", run: () => "real" }] })
    assert.equal(await two.result(), "real")
    const one = await opened.workflows.create({
      id: "one",
      steps: [
        { name: "a", run: () => "real" },
        { name: "b", run: () => "real", retries: { limit: 0 } },
      ],
    })
    await assert.rejects(one.result(), { code: "workflow.timeout" })
  }
  const workflow = await opened.workflows.create({ id: "three", steps: [{ name: "a", run: () => "real" }] })
  assert.equal(await workflow.result(), "real")
})
