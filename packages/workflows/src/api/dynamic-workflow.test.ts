import assert from "node:assert/strict"
import { test } from "node:test"
import { MayflyError, type HistoryEntry } from "@mayfly/protocol"
import { newFolder, openEngine } from "../engine/engine.fixture.ts"
import type { StepContext } from "../run/step-context.ts"
import { DynamicWorkflow } from "./dynamic-workflow.ts"

const timeout = 30_000

function coded(code: string, message = /./): (error: unknown) => boolean {
  return (error) => {
    assert.ok(error instanceof MayflyError, String(error))
    assert.equal(error.code, code, error.message)
    assert.match(error.message, message)
    return true
  }
}

function lines(history: readonly HistoryEntry[]): string[] {
  return history.map((entry) =>
    entry.type === "step" ? `${entry.step.key} ${entry.phase} ${entry.attempt}` : `instance ${entry.what}`,
  )
}

test("DynamicWorkflow runs closures in order and gives the last one's result", { timeout }, async () => {
  await using opened = await openEngine()
  const workflow = await DynamicWorkflow.create(opened.workflows, {
    id: "order-1",
    params: { by: 10 },
    steps: [
      { name: "one", run: () => 1 },
      { name: "two", run: ({ previous }: StepContext) => (previous as number) + 1 },
      {
        name: "three",
        input: { a: { $from: "one" }, list: [{ $from: "two" }] },
        run: ({ input, results, params, step }: StepContext) => ({ input, results, params, step }),
      },
    ],
  })
  assert.equal(workflow.id, "order-1")
  assert.deepEqual(await workflow.result(), {
    input: { a: 1, list: [2] },
    results: { one: 1, two: 2 },
    params: { by: 10 },
    step: { name: "three", count: 1 },
  })
  const { status, output, run } = await workflow.status()
  assert.deepEqual([status, run, typeof output], ["complete", 1, "object"])
  assert.deepEqual(lines(await workflow.history()), [
    "do:one#1 ok 1",
    "do:two#1 ok 1",
    "do:three#1 ok 1",
    "instance complete",
  ])
})

test("DynamicWorkflow keeps values that JSON has not", { timeout }, async () => {
  await using opened = await openEngine()
  const value = { at: new Date(5), map: new Map([["a", 1n]]), bytes: new Uint8Array([1, 2]), none: undefined }
  const workflow = await opened.workflows.create({
    steps: [
      { name: "a", run: () => value },
      { name: "b", run: ({ previous }: StepContext) => previous },
    ],
  })
  assert.deepEqual(await workflow.result(), value)
})

test("DynamicWorkflow skips steps whose condition is not met", { timeout }, async () => {
  await using opened = await openEngine()
  const workflow = await opened.workflows.create({
    steps: [
      { name: "check", run: () => ({ verdict: { ok: false } }) },
      { name: "good", when: { $from: "check", path: "verdict.ok", equals: true }, run: () => "good" },
      { name: "bad", when: { $from: "check", path: "verdict.ok", equals: false }, run: () => "bad" },
      { name: "seen", when: { $from: "good", exists: true }, run: () => "never" },
    ],
  })
  assert.equal(await workflow.result(), "bad")
})

test("DynamicWorkflow runs steps in parallel, results in the list's order", { timeout }, async () => {
  await using opened = await openEngine()
  const gates = [Promise.withResolvers<void>(), Promise.withResolvers<void>()]
  const workflow = await opened.workflows.create({
    steps: [
      {
        name: "both",
        parallel: [
          {
            name: "slow",
            run: async () => {
              await gates[0]?.promise
              return "slow"
            },
          },
          {
            name: "fast",
            run: async () => {
              gates[0]?.resolve()
              return "fast"
            },
          },
          { name: "nap", sleep: 5 },
        ],
      },
      { name: "after", run: ({ previous, results }: StepContext) => [previous, results["fast"]] },
    ],
  })
  assert.deepEqual(await workflow.result(), [["slow", "fast", undefined], "fast"])
})

test("DynamicWorkflow retries, and tells which attempt it is", { timeout }, async () => {
  await using opened = await openEngine()
  const keys: string[] = []
  const workflow = await opened.workflows.create({
    id: "retry",
    steps: [
      {
        name: "flaky",
        retries: { limit: 3, delay: 5, backoff: "constant" },
        run: ({ attempt, idempotencyKey }: StepContext) => {
          keys.push(idempotencyKey)
          if (attempt < 3) throw new TypeError(`attempt ${attempt}`)
          return attempt
        },
      },
    ],
  })
  assert.equal(await workflow.result(), 3)
  assert.deepEqual(new Set(keys), new Set(["default/retry/1/do:flaky#1"]))
  const history = await workflow.history()
  const errors = history.flatMap((entry) => (entry.type === "step" && entry.error ? [entry.error] : []))
  assert.deepEqual(errors, [
    { name: "TypeError", message: "attempt 1" },
    { name: "TypeError", message: "attempt 2" },
  ])
})

test("DynamicWorkflow result rejects with what the step threw", { timeout }, async () => {
  await using opened = await openEngine()
  const workflow = await opened.workflows.create({
    steps: [
      {
        name: "fails",
        run: () => {
          throw Object.assign(new RangeError("too far"), { code: "E_FAR" })
        },
        retries: { limit: 0, delay: 1 },
      },
    ],
  })
  await assert.rejects(workflow.result(), (error) => {
    assert.ok(error instanceof MayflyError)
    assert.deepEqual(
      [error.code, error.message, error.details],
      ["workflow.failed", "too far", { id: workflow.id, name: "RangeError", message: "too far", code: "E_FAR" }],
    )
    return true
  })
  const { status, error } = await workflow.status()
  assert.deepEqual([status, error], ["errored", { name: "RangeError", message: "too far", code: "E_FAR" }])
})

test("DynamicWorkflow does not retry NonRetryableError, nor a result that can't be kept", { timeout }, async () => {
  await using opened = await openEngine()
  let runs = 0
  const fatal = await opened.workflows.create({
    steps: [
      {
        name: "a",
        run: () => {
          runs++
          throw Object.assign(new Error("no"), { name: "NonRetryableError" })
        },
      },
    ],
  })
  await assert.rejects(fatal.result(), coded("workflow.failed"))
  const strange = await opened.workflows.create({
    steps: [
      {
        name: "a",
        run: () => {
          runs++
          return { deep: [() => 1] }
        },
      },
    ],
  })
  await assert.rejects(strange.result(), coded("workflow.not-serializable", /result\.deep\[0\]/))
  assert.equal(runs, 2)
})

test(
  "DynamicWorkflow create with the same content gives the same instance, with other content an error",
  { timeout },
  async () => {
    await using opened = await openEngine()
    let runs = 0
    const options = { id: "same", steps: [{ name: "a", run: () => ++runs }] }
    const first = await opened.workflows.create(options)
    const second = await opened.workflows.create({ ...options })
    assert.deepEqual([await first.result(), await second.result(), runs], [1, 1, 1])
    const others = [
      { ...options, params: 1 },
      { ...options, steps: [{ name: "a", run: () => 2 }] },
      { ...options, steps: [{ name: "b", run: () => ++runs }] },
    ]
    for (const other of others) await assert.rejects(opened.workflows.create(other), coded("workflow.exists", /"same"/))
  },
)

test("WorkflowBinding shows nothing of other tenants", { timeout }, async () => {
  await using opened = await openEngine()
  const mine = await opened.workflows.create({ id: "x", steps: [{ name: "wait", waitForEvent: "go" }] })
  const foreign = opened.of("other")
  await assert.rejects(foreign.get("x"), coded("workflow.not-found"))
  assert.deepEqual(await foreign.list(), { workflows: [] })
  const deleted = await foreign.deleteBatch(["x"])
  assert.deepEqual([deleted.deleted, deleted.errors[0]?.code], [[], "workflow.not-found"])
  const theirs = await foreign.create({ id: "x", steps: [{ name: "a", run: () => "theirs" }] })
  assert.equal(await theirs.result(), "theirs")
  assert.equal((await opened.workflows.get("x")).id, mine.id)
  await mine.sendEvent({ type: "go", payload: "mine" })
  assert.equal(((await mine.result()) as { payload: unknown }).payload, "mine")
})

test("DynamicWorkflow waits for events, sent before, while it waits, and twice", { timeout }, async () => {
  await using opened = await openEngine()
  const workflow = await opened.workflows.create({
    steps: [
      { name: "first", waitForEvent: "go" },
      { name: "second", waitForEvent: "go" },
      { name: "both", run: ({ results }: StepContext) => results },
    ],
  })
  assert.deepEqual(await workflow.sendEvent({ type: "go", payload: 1, eventId: "e1" }), { isDuplicate: false })
  assert.deepEqual(await workflow.sendEvent({ type: "go", payload: 1, eventId: "e1" }), { isDuplicate: true })
  await until(workflow, ({ waits }) => waits.some(({ step }) => step === "second"))
  const { status, reason, waits } = await workflow.status()
  assert.deepEqual([status, reason, waits.map(({ type }) => type)], ["waiting", "event", ["go"]])
  assert.match(waits[0]?.token ?? "", /^[\w-]{43}$/)
  await workflow.sendEvent({ type: "go", payload: 2 })
  const results = (await workflow.result()) as Record<string, { payload: number; type: string; timestamp: Date }>
  assert.deepEqual(
    Object.values(results).map(({ payload, type }) => [payload, type]),
    [
      [1, "go"],
      [2, "go"],
    ],
  )
  assert.ok(results["first"]?.timestamp instanceof Date)
  await assert.rejects(workflow.sendEvent({ type: "go" }), coded("workflow.ended"))
})

async function until(
  workflow: DynamicWorkflow,
  test_: (status: Awaited<ReturnType<DynamicWorkflow["status"]>>) => boolean,
): Promise<void> {
  while (!test_(await workflow.status())) await new Promise((resolve) => setTimeout(resolve, 2))
}

test("WorkflowEngine takes an event from who has the token of a waiting step, once", { timeout }, async () => {
  await using opened = await openEngine()
  const workflow = await opened.workflows.create({
    id: "hooked",
    steps: [
      { name: "first", waitForEvent: "go" },
      { name: "second", waitForEvent: "go" },
    ],
  })
  await until(workflow, ({ waits }) => waits.length === 1)
  const [wait] = (await workflow.status()).waits
  const token = wait?.token ?? ""
  assert.deepEqual(await opened.engine.findHook(token), { tenant: "default", id: "hooked", step: "first", type: "go" })
  assert.deepEqual(await opened.engine.sendToHook(token, 1), { isDuplicate: false })
  await until(workflow, ({ waits }) => waits[0]?.step === "second")
  await assert.rejects(opened.engine.sendToHook(token, 2), coded("workflow.hook-used"))
  for (const wrong of ["", "x", token.slice(1), `${token.slice(0, 42)}!`, "' OR 1=1 --"])
    await assert.rejects(opened.engine.findHook(wrong), coded("workflow.hook-not-found"))
  await workflow.terminate()
})

test("DynamicWorkflow waits time out, and the timeout is its own code", { timeout }, async () => {
  await using opened = await openEngine()
  const workflow = await opened.workflows.create({ steps: [{ name: "w", waitForEvent: "go", timeout: 20 }] })
  await assert.rejects(workflow.result(), coded("workflow.event-timeout", /"w" waited 20 ms/))
})

test("DynamicWorkflow sleeps without staying in memory", { timeout }, async () => {
  await using opened = await openEngine()
  const workflow = await opened.workflows.create({
    steps: [
      { name: "nap", sleep: "1 hour" },
      { name: "end", run: () => 1 },
    ],
  })
  await until(workflow, ({ status }) => status === "waiting")
  assert.equal(opened.engine.active, 0)
  const { reason, wakeAt = 0, createdAt } = await workflow.status()
  assert.equal(reason, "sleep")
  assert.ok(wakeAt >= createdAt + 3_600_000 && wakeAt < createdAt + 3_700_000)
  const short = await opened.workflows.create({
    steps: [
      { name: "nap", sleep: 30 },
      { name: "past", sleepUntil: new Date(0) },
    ],
  })
  assert.equal(await short.result(), undefined)
})

test("DynamicWorkflow goes on where it was after the engine was stopped", { timeout }, async () => {
  const folder = newFolder()
  const ran: string[] = []
  const options = (): Parameters<typeof DynamicWorkflow.create>[1] => ({
    id: "resumes",
    steps: [
      { name: "a", run: () => ran.push("a") },
      { name: "wait", waitForEvent: "go" },
      { name: "b", run: () => ran.push("b") },
    ],
  })
  {
    await using opened = await openEngine(folder)
    const workflow = await opened.workflows.create(options())
    await until(workflow, ({ status }) => status === "waiting")
  }
  await using opened = await openEngine(folder)
  const found = await opened.workflows.get("resumes")
  const { status, reason } = await found.status()
  assert.deepEqual([status, reason], ["waiting", "needs-code"])
  await found.sendEvent({ type: "go" })
  await until(found, (now) => now.reason === "needs-code" && now.wakeAt === undefined)
  const again = await opened.workflows.create(options())
  assert.equal(await again.result(), 2)
  assert.deepEqual(ran, ["a", "b"])
})

test("DynamicWorkflow pauses, resumes, terminates and restarts", { timeout }, async () => {
  await using opened = await openEngine()
  let gate = Promise.withResolvers<void>()
  const ran: string[] = []
  const workflow = await opened.workflows.create({
    steps: [
      {
        name: "a",
        run: async () => {
          ran.push("a")
          await gate.promise
        },
      },
      { name: "b", run: () => void ran.push("b") },
      { name: "wait", waitForEvent: "go" },
    ],
  })
  await until(workflow, () => ran.length === 1)
  await workflow.pause()
  assert.equal((await workflow.status()).status, "waitingForPause")
  gate.resolve()
  await until(workflow, ({ status }) => status === "paused")
  assert.deepEqual(ran, ["a"])
  await workflow.pause()
  await workflow.resume()
  await until(workflow, ({ status }) => status === "waiting")
  assert.deepEqual(ran, ["a", "b"])
  await workflow.terminate()
  await assert.rejects(workflow.result(), coded("workflow.terminated"))
  await assert.rejects(workflow.pause(), coded("workflow.ended", /terminated/))
  await workflow.restart({ from: "b" })
  await workflow.sendEvent({ type: "go", payload: 7 })
  assert.equal(((await workflow.result()) as { payload: number }).payload, 7)
  assert.deepEqual(ran, ["a", "b", "b"])
  await assert.rejects(workflow.restart({ from: "nothing" }), coded("workflow.no-such-step", /"nothing"/))
  gate = Promise.withResolvers<void>()
  await workflow.restart()
  await until(workflow, () => ran.length === 4)
  assert.equal((await workflow.status()).run, 3)
})

test("DynamicWorkflow that is terminated tells its step to stop", { timeout }, async () => {
  await using opened = await openEngine()
  const started = Promise.withResolvers<void>()
  const stopped = Promise.withResolvers<unknown>()
  const workflow = await opened.workflows.create({
    steps: [
      {
        name: "long",
        run: ({ signal }: StepContext) => {
          signal.addEventListener("abort", () => stopped.resolve(signal.reason))
          started.resolve()
          return new Promise(() => {})
        },
      },
    ],
  })
  await started.promise
  await workflow.terminate()
  assert.equal(((await stopped.promise) as Error).name, "AbortError")
})

test("DynamicWorkflow undoes its steps when it fails or is asked to", { timeout }, async () => {
  await using opened = await openEngine()
  const undone: unknown[] = []
  const rollback = ({ input }: StepContext): void => {
    const { error, output, stepName } = input as { error: Error; output: unknown; stepName: string }
    undone.push([stepName, output, error.message])
  }
  const steps = (last: object) => [
    { name: "book", run: () => "booked", rollback },
    { name: "pay", run: () => "paid", rollback },
    { name: "last", ...last },
  ]
  const fails = await opened.workflows.create({
    steps: steps({
      run: () => {
        throw new Error("sold out")
      },
      retries: { limit: 0, delay: 1 },
    }),
  })
  await assert.rejects(fails.result(), coded("workflow.failed", /sold out/))
  assert.equal((await fails.status()).rollback, "complete")
  assert.deepEqual(undone.splice(0), [
    ["pay", "paid", "sold out"],
    ["book", "booked", "sold out"],
  ])
  const ended = await opened.workflows.create({ steps: steps({ sleep: "1 day" }) })
  await until(ended, ({ reason }) => reason === "sleep")
  await ended.terminate({ rollback: true })
  await assert.rejects(ended.result(), coded("workflow.terminated"))
  assert.equal(undone.length, 2)
})

test("DynamicWorkflow fork of one that runs has a result of its own", { timeout }, async () => {
  await using opened = await openEngine()
  const held = Promise.withResolvers<string>()
  const workflow = await opened.workflows.create({ steps: [{ name: "slow", run: () => held.promise }] })
  for await (const entry of workflow.subscribe()) if (entry.type === "step") break
  const fork = await workflow.fork("slow", { steps: [{ name: "slow", run: () => "the fork's" }] })
  assert.equal(await fork.result(), "the fork's")
  held.resolve("its own")
  assert.equal(await workflow.result(), "its own")
})

test("DynamicWorkflow fork takes results over and other params", { timeout }, async () => {
  await using opened = await openEngine()
  const ran: string[] = []
  const workflow = await opened.workflows.create({
    id: "origin",
    params: "first",
    steps: [
      { name: "a", run: () => ran.push("a") },
      { name: "b", run: ({ params, previous }: StepContext) => [params, previous] },
    ],
  })
  assert.deepEqual(await workflow.result(), ["first", 1])
  const fork = await workflow.fork("b", { id: "copy", params: "second" })
  assert.deepEqual([fork.id, await fork.result(), ran], ["copy", ["second", 1], ["a"]])
  const other = await workflow.fork("b", {
    steps: [
      { name: "a", run: () => ran.push("a") },
      { name: "b", run: () => "replaced" },
    ],
  })
  assert.equal(await other.result(), "replaced")
  assert.deepEqual(ran, ["a"])
})

test("DynamicWorkflow upgrade replays the history against the new code first", { timeout }, async () => {
  await using opened = await openEngine()
  const ran: string[] = []
  const first = { name: "first", run: () => ran.push("first") }
  const wait = { name: "wait", waitForEvent: "go" }
  const workflow = await opened.workflows.create({
    id: "up",
    params: 1,
    steps: [first, wait, { name: "old", run: () => "old" }],
  })
  await until(workflow, ({ reason }) => reason === "event")
  const others = [{ name: "other", run: () => ran.push("other") }, wait]
  await assert.rejects(
    workflow.upgrade({ steps: others }),
    coded("workflow.nondeterminism", /"first".* asked for step "other"/),
  )
  assert.deepEqual(ran, ["first"])
  const steps = [first, wait, { name: "new", run: ({ params }: StepContext) => ["new", params] }]
  await workflow.upgrade({ steps })
  await until(workflow, ({ reason }) => reason === "event")
  assert.deepEqual(ran, ["first"])
  await opened.workflows.create({ id: "up", params: 1, steps })
  await workflow.sendEvent({ type: "go" })
  assert.deepEqual(await workflow.result(), ["new", 1])
  await assert.rejects(workflow.upgrade({ steps }), coded("workflow.ended"))
})

test("DynamicWorkflow steps may hold steps, which are kept when it runs again", { timeout }, async () => {
  await using opened = await openEngine()
  const ran: string[] = []
  const workflow = await opened.workflows.create({
    steps: [
      {
        name: "outer",
        retries: { limit: 2, delay: 1 },
        run: async (ctx: StepContext) => {
          const one = await ctx.do("inner", () => ran.push("inner"))
          await ctx.sleep(20)
          if (ctx.attempt === 1) throw new Error("again")
          const { payload } = (await ctx.waitForEvent("go")) as { payload: number }
          return [one, payload]
        },
      },
    ],
  })
  await until(workflow, ({ waits }) => waits.length > 0)
  await workflow.sendEvent({ type: "go", payload: 5 })
  assert.deepEqual([await workflow.result(), ran], [[1, 5], ["inner"]])
})

test("DynamicWorkflow subscribe tells what happened and what happens, and ends", { timeout }, async () => {
  await using opened = await openEngine()
  const workflow = await opened.workflows.create({
    steps: [
      { name: "a", run: () => 1 },
      { name: "wait", waitForEvent: "go" },
      { name: "b", run: () => 2 },
    ],
  })
  const seen: HistoryEntry[] = []
  for await (const entry of workflow.subscribe()) {
    seen.push(entry)
    if (entry.type === "step" && entry.step.name === "wait" && entry.phase === "start")
      await workflow.sendEvent({ type: "go" })
  }
  const wanted = [
    "do:a#1 ok 1",
    "event:wait#1 start 0",
    "instance event",
    "event:wait#1 ok 0",
    "do:b#1 ok 1",
    "instance complete",
  ]
  assert.deepEqual(lines(seen), wanted)
  const rest: HistoryEntry[] = []
  for await (const entry of workflow.subscribe({ cursor: seen[3]?.cursor ?? 0 })) rest.push(entry)
  assert.deepEqual(lines(rest), wanted.slice(4))
})

test("DynamicWorkflow limits how many run under a key", { timeout }, async () => {
  await using opened = await openEngine()
  let running = 0
  let most = 0
  const workflows = await opened.workflows.createBatch(
    Array.from({ length: 12 }, (_, n) => ({
      id: `key-${n}`,
      concurrencyKey: { key: "customer", limit: 2 },
      steps: [
        {
          name: "work",
          run: async () => {
            most = Math.max(most, ++running)
            await new Promise((resolve) => setTimeout(resolve, 5))
            running--
            return n
          },
        },
      ],
    })),
  )
  const results = await Promise.all(workflows.map((workflow) => workflow.result()))
  assert.deepEqual(
    results,
    Array.from({ length: 12 }, (_, n) => n),
  )
  assert.equal(most, 2)
})

test("DynamicWorkflow starts later, and by a schedule", { timeout }, async () => {
  await using opened = await openEngine()
  const steps = [{ name: "now", run: () => Date.now() }]
  const muchLater = await opened.workflows.create({ schedule: new Date(Date.now() + 3_600_000), steps })
  const { status, reason } = await muchLater.status()
  assert.deepEqual([status, reason], ["waiting", "schedule"])
  const at = Date.now() + 150
  const later = await opened.workflows.create({ schedule: new Date(at), steps })
  assert.ok(((await later.result()) as number) >= at)
  const schedule = await opened.workflows.create({
    id: "each-second",
    schedule: { cron: "* * * * * *" },
    steps: [{ name: "now", run: () => 1 }],
  })
  for (;;) {
    const { workflows } = await opened.workflows.list({ status: "complete" })
    const ticks = workflows.filter(({ id }) => id.startsWith("each-second-"))
    if (ticks.length >= 2) {
      assert.equal(new Set(ticks.map(({ id }) => id)).size, ticks.length)
      break
    }
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
  await schedule.terminate()
})

test("WorkflowBinding lists in pages and deletes", { timeout }, async () => {
  await using opened = await openEngine()
  for (const id of ["a", "b", "c"])
    await (await opened.workflows.create({ id, steps: [{ name: "s", run: () => 1 }] })).result()
  const first = await opened.workflows.list({ limit: 2 })
  assert.deepEqual(
    first.workflows.map(({ id }) => id),
    ["c", "b"],
  )
  const rest = await opened.workflows.list({ limit: 2, cursor: first.cursor ?? "" })
  assert.deepEqual([rest.workflows.map(({ id }) => id), rest.cursor], [["a"], undefined])
  assert.deepEqual(await opened.workflows.deleteBatch(["a", "b"]), { deleted: [{ id: "a" }, { id: "b" }], errors: [] })
  await assert.rejects(opened.workflows.get("a"), coded("workflow.not-found"))
  assert.equal(await (await opened.workflows.create({ id: "a", steps: [{ name: "s", run: () => 2 }] })).result(), 2)
})

test("DynamicWorkflow refuses bad input, and says where it is", { timeout }, async () => {
  await using opened = await openEngine()
  const step = { name: "a", run: () => 1 }
  const wait = { name: "w", waitForEvent: "go" }
  const cyclic: Record<string, unknown> = {}
  cyclic["self"] = cyclic
  const bad: [object, RegExp][] = [
    [{}, /^steps is missing/],
    [{ steps: [] }, /^steps is empty/],
    [{ steps: {} }, /^steps must be a list/],
    // oxlint-disable-next-line no-sparse-arrays -- a hole is what is tested
    [{ steps: [, step] }, /^steps\[0\] must be an object/],
    [{ steps: [step], script: "x" }, /^steps can't be given together/],
    [{ steps: [step], id: "" }, /^id must be/],
    [{ steps: [step], id: "-a" }, /^id must be/],
    [{ steps: [step], id: "a b" }, /^id must be/],
    [{ steps: [step], id: "x".repeat(101) }, /^id must be/],
    [{ steps: [step], id: 5 }, /^id must be/],
    [{ steps: [step], nonsense: 1 }, /^nonsense is not an option/],
    [{ steps: [step, step] }, /^steps\[1\]\.name is "a", which another step/],
    [{ steps: [{ name: "p", parallel: [step, { name: "a", sleep: 1 }] }] }, /parallel\[1\]\.name is "a"/],
    [{ steps: [{ name: "" }] }, /steps\[0\] must have exactly one of/],
    [{ steps: [{ name: "", sleep: 1 }] }, /steps\[0\]\.name must be a text/],
    [{ steps: [{ name: "a\nb", sleep: 1 }] }, /steps\[0\]\.name must be a text/],
    [{ steps: [{ name: "a", sleep: 1, run: () => 1 }] }, /exactly one of .* it has run and sleep/],
    [{ steps: [{ name: "a", sleep: "soon" }] }, /steps\[0\]\.sleep must be milliseconds/],
    [{ steps: [{ name: "a", sleep: -1 }] }, /steps\[0\]\.sleep must be milliseconds/],
    [{ steps: [{ name: "a", sleep: "366 days" }] }, /at most 365 days/],
    [{ steps: [{ name: "a", sleepUntil: "whenever" }] }, /sleepUntil must be a Date/],
    [{ steps: [{ name: "a", waitForEvent: "a b" }] }, /waitForEvent must be/],
    [{ steps: [{ name: "a", sleep: 1, prompt: "?" }] }, /steps\[0\]\.prompt is not an option/],
    [{ steps: [{ ...wait, prompt: "" }] }, /prompt must be a text of 1 to 2000 characters/],
    [{ steps: [{ ...wait, prompt: "x".repeat(2_001) }] }, /prompt must be/],
    [{ steps: [{ ...wait, prompt: "a\u001b[2J" }] }, /prompt must be/],
    [{ steps: [{ ...wait, signature: "github" }] }, /signature must be an object/],
    [{ steps: [{ ...wait, signature: { scheme: "md5", secret: "K" } }] }, /scheme must be one of standard-webhooks/],
    [{ steps: [{ ...wait, signature: { scheme: "github" } }] }, /secret must be the name of a secret/],
    [{ steps: [{ ...wait, signature: { scheme: "github", secret: "K", header: "x" } }] }, /header is not an option/],
    [{ steps: [{ ...wait, signature: { scheme: "hmac-sha256", secret: "K" } }] }, /header must be the name/],
    [
      { steps: [{ ...wait, signature: { scheme: "hmac-sha256", secret: "K", header: "x", encoding: "z" } }] },
      /encoding must be/,
    ],
    [{ steps: [{ name: "a", run: "not a function" }] }, /run must be a function/],
    [{ steps: [{ ...step, retries: { limit: -1 } }] }, /retries\.limit must be/],
    [{ steps: [{ ...step, retries: { delay: "x" } }] }, /retries\.delay must be/],
    [{ steps: [{ ...step, retries: { backoff: "x" } }] }, /retries\.backoff must be/],
    [{ steps: [{ ...step, retries: { tries: 1 } }] }, /retries\.tries is not an option/],
    [{ steps: [{ ...step, timeout: 0 }] }, /timeout must be more than 0/],
    [{ steps: [{ ...step, input: { $from: "a" } }] }, /\$from must name a step that stands before/],
    [{ steps: [{ ...step, input: { deep: [{ $from: "z" }] } }] }, /input\.deep\.0\.\$from must name/],
    [{ steps: [step, { name: "b", sleep: 1, when: { $from: "a" } }] }, /when must have exactly one of/],
    [{ steps: Array.from({ length: 10_001 }, (_, n) => ({ name: `s${n}`, sleep: 1 })) }, /more than 10000 steps/],
    [{ steps: [step], params: () => 1 }, /params/],
    [{ steps: [step], params: "x".repeat(17 << 20) }, /params takes more than/],
    [{ steps: [step], schedule: "never ever" }, /schedule can't be read/],
    [{ steps: [step], schedule: { cron: "0 0 30 2 *" } }, /never comes/],
    [{ steps: [step], retention: "long" }, /retention must be/],
    [{ steps: [step], concurrencyKey: { key: "a", limit: 0 } }, /concurrencyKey\.limit must be/],
    [{ steps: [{ name: "kid", workflow: { steps: [step] } }] }, /workflow .*functions/],
  ]
  for (const [options, message] of bad) {
    await assert.rejects(
      opened.workflows.create(options),
      coded("input.invalid", message),
      JSON.stringify(options).slice(0, 200),
    )
  }
  const workflow = await opened.workflows.create({ steps: [{ name: "w", waitForEvent: "go" }], params: cyclic })
  await assert.rejects(workflow.sendEvent({ type: "a b" }), coded("input.invalid", /event\.type/))
  await assert.rejects(workflow.sendEvent({ type: "go", payload: () => 1 }), coded("input.invalid", /payload/))
  await assert.rejects(opened.workflows.get("nobody"), coded("workflow.not-found", /"nobody"/))
  assert.deepEqual((await opened.workflows.list()).workflows.length, 1)
})

test("DynamicWorkflow starts children and waits for them", { timeout }, async () => {
  await using opened = await openEngine()
  const workflow = await opened.workflows.create({
    id: "parent",
    steps: [
      { name: "make", run: () => 5 },
      {
        name: "kid",
        workflow: { steps: [{ name: "w", waitForEvent: "grow" }] },
        input: { $from: "make" },
      },
      { name: "after", run: ({ previous }: StepContext) => (previous as { payload: unknown }).payload },
    ],
  })
  await until(workflow, ({ reason }) => reason === "child")
  const { workflows } = await opened.workflows.list()
  const kid = workflows.find(({ id }) => id !== "parent")
  assert.match(kid?.id ?? "", /^parent-\w{20}$/)
  await (await opened.workflows.get(kid?.id ?? "")).sendEvent({ type: "grow", payload: "tall" })
  assert.equal(await workflow.result(), "tall")
  const other = await opened.workflows.create({
    id: "other",
    steps: [{ name: "kid", workflow: { steps: [{ name: "w", waitForEvent: "never" }] } }],
  })
  await until(other, ({ reason }) => reason === "child")
  await other.terminate()
  const page = await opened.workflows.list({ status: "terminated" })
  assert.equal(page.workflows.length, 2)
})

test("WorkflowEngine that has stopped says so", { timeout }, async () => {
  const opened = await openEngine()
  const workflow = await opened.workflows.create({ steps: [{ name: "w", waitForEvent: "go" }] })
  const result = assert.rejects(workflow.result(), coded("workflow.engine-stopped"))
  await until(workflow, ({ status }) => status === "waiting")
  await opened[Symbol.asyncDispose]()
  await result
  await assert.rejects(opened.workflows.create({ steps: [{ name: "a", sleep: 1 }] }), coded("workflow.engine-stopped"))
  assert.deepEqual(opened.errors, [])
})
