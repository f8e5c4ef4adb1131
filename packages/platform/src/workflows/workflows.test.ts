import assert from "node:assert/strict"
import { once } from "node:events"
import { mkdtempSync, rmSync } from "node:fs"
import { createServer } from "node:http"
import type { AddressInfo } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { after, test } from "node:test"
import { MayflyError } from "@mayfly/protocol"
import type { DynamicWorkflow, HistoryEntry, WorkflowOptions } from "@mayfly/workflows"
import { createPlatform, type Platform } from "../platform.ts"

const timeout = 60_000

async function open(dataDir?: string): Promise<Platform> {
  return createPlatform({ hosts: 1, spare: false, ...(dataDir !== undefined && { dataDir }) })
}

const platform = await open()
after(() => platform.dispose())

function create(script: string, more: WorkflowOptions = {}): Promise<DynamicWorkflow> {
  return platform.env.WORKFLOWS.create({ script, ...more })
}

/** The body of `run(event, step)`. */
function run(body: string, more: WorkflowOptions = {}): Promise<DynamicWorkflow> {
  return create(`export default { async run(event, step) { ${body} } }`, more)
}

function coded(code: string, message = /./): (error: unknown) => boolean {
  return (error) => {
    assert.ok(error instanceof MayflyError, String(error))
    assert.equal(error.code, code, error.message)
    assert.match(error.message, message)
    return true
  }
}

function keys(history: readonly HistoryEntry[]): string[] {
  return history.map((entry) => (entry.type === "step" ? `${entry.step.key} ${entry.phase}` : entry.what))
}

test("a script runs in Cloudflare's shape, in TypeScript too", { timeout }, async () => {
  const workflow = await create(
    `
    import { WorkflowEntrypoint } from "cloudflare:workers"
    interface Params { by: number }
    export class Mine extends WorkflowEntrypoint {
      async run(event: { payload: Params; instanceId: string; timestamp: Date }, step: any): Promise<unknown> {
        const one: number = await step.do("one", { retries: { limit: 1, delay: "1 second" } }, async () => 1)
        const context = await step.do("two", async (ctx: any) => ctx)
        await step.sleep("nap", 5)
        await step.sleepUntil("past", new Date(0))
        return { sum: one + event.payload.by, id: event.instanceId, at: event.timestamp, context }
      }
    }`,
    { id: "shape", params: { by: 4 } },
  )
  const { createdAt } = await workflow.status()
  assert.deepEqual(await workflow.result(), {
    sum: 5,
    id: "shape",
    at: new Date(createdAt),
    context: {
      step: { name: "two", count: 1 },
      attempt: 1,
      config: { retries: { limit: 5, delay: 1_000, backoff: "exponential" }, timeout: 600_000 },
      idempotencyKey: "default/shape/1/do:two#1",
    },
  })
})

test(
  "a script may be a function, a default class, an entry among several, or stand in a fence",
  { timeout },
  async () => {
    const scripts: [string, WorkflowOptions][] = [
      [`async (event, step) => step.do("a", async () => "made")`, {}],
      [`export default async function (event, step) { return step.do("a", async () => "made") }`, {}],
      [`export default class { async run(event, step) { return step.do("a", async () => "made") } }`, {}],
      ["```js\nexport default async (event, step) => step.do('a', async () => 'made')\n```", {}],
      [`export class A { run() { return "no" } }; export class B { run() { return "made" } }`, { entry: "B" }],
    ]
    for (const [script, more] of scripts) {
      const workflow = await create(script, more)
      assert.equal(await workflow.result(), "made", script)
    }
    const modules = {
      "main.js": `import { word } from "./word.js"; export default () => word`,
      "word.js": `export const word = "made"`,
    }
    const workflow = await platform.env.WORKFLOWS.create({ modules, mainModule: "main.js" })
    assert.equal(await workflow.result(), "made")
  },
)

test("create refuses code that does not compile, and stores nothing", { timeout }, async () => {
  const bad: [WorkflowOptions, string][] = [
    [{ id: "bad", script: "export default { run( }" }, "worker.syntax"],
    [{ id: "bad", script: `import "./nothing.js"; export default () => 1` }, "worker.module-not-found"],
    [{ id: "bad", steps: [{ name: "a", code: "(" }] }, "worker.syntax"],
    [{ id: "bad", steps: [{ name: "a", code: "1", rollback: "}" }] }, "worker.syntax"],
    [{ id: "bad", steps: [{ name: "a", code: "1", limits: { cpuMs: -1 } }] }, "input.invalid"],
    [{ id: "bad", modules: { "a.js": "1" }, mainModule: "b.js" }, "input.invalid"],
  ]
  for (const [options, code] of bad) await assert.rejects(platform.env.WORKFLOWS.create(options), coded(code))
  await assert.rejects(platform.env.WORKFLOWS.get("bad"), coded("workflow.not-found"))
})

test("a script without anything to run says so when it runs", { timeout }, async () => {
  const workflow = await create("export const nothing = 1")
  await assert.rejects(workflow.result(), coded("workflow.failed", /must export a class with run/))
})

test("a script catches what its steps throw, and NonRetryableError ends them", { timeout }, async () => {
  const workflow = await create(`
    import { NonRetryableError } from "cloudflare:workflows"
    export default { async run(event, step) {
      const seen = []
      const config = { retries: { limit: 1, delay: 1 } }
      for (const error of [new TypeError("plain"), new NonRetryableError("fatal")]) {
        try {
          await step.do("fails", config, async (ctx) => { throw new error.constructor(error.message + ctx.attempt) })
        } catch (caught) {
          seen.push([caught.name, caught.message, caught instanceof Error])
        }
      }
      return seen
    } }`)
  assert.deepEqual(await workflow.result(), [
    ["TypeError", "plain2", true],
    ["NonRetryableError", "fatal1", true],
  ])
})

test(
  "a script's error is the instance's, and its compensations run in its isolate, last first",
  { timeout },
  async () => {
    const workflow = await run(`
    const undone = []
    const undo = { rollback: async ({ error, output, stepName }) => { undone.push([stepName, output, error.message]) } }
    await step.do("book", async () => "booked", undo)
    await step.do("pay", async () => "paid", { rollback: async ({ ctx, output }) => {
      if (ctx.attempt === 1) throw new Error("again")
      undone.push(["pay", output])
      console.log(JSON.stringify(undone))
    }, rollbackConfig: { retries: { limit: 2, delay: 1 } } })
    throw new RangeError("sold out")`)
    await assert.rejects(workflow.result(), (error) => {
      assert.ok(error instanceof MayflyError)
      assert.deepEqual(
        [error.code, error.message, error.details["name"]],
        ["workflow.failed", "sold out", "RangeError"],
      )
      return true
    })
    assert.deepEqual(keys(await workflow.history()), [
      "do:book#1 start",
      "do:book#1 ok",
      "do:pay#1 start",
      "do:pay#1 ok",
      "rollback:#0 start",
      "rollback:pay#1 retry",
      "rollback:pay#1 ok",
      "rollback:book#1 ok",
      "errored",
    ])
    assert.equal((await workflow.status()).rollback, "complete")
  },
)

test("a script goes on after each wait in another isolate, with its steps' results", { timeout }, async () => {
  const workflow = await run(`
    let runs = 0
    const body = async (value) => { runs++; return value }
    const [a, b] = await Promise.all([step.do("same", () => body("a")), step.do("same", () => body("b"))])
    await step.sleep("nap", 20)
    const c = await step.do("c", () => body("c"))
    await step.sleep("nap", 20)
    const inner = await step.do("outer", async () => [await step.do("in", () => body(1)), await step.do("in", () => body(2))])
    await step.sleep("nap", 20)
    return { a, b, c, inner, runs }`)
  assert.deepEqual(await workflow.result(), { a: "a", b: "b", c: "c", inner: [1, 2], runs: 0 })
})

test("a script's clock and chance are the same in every replay", { timeout }, async () => {
  const workflow = await run(`
    const first = [Math.random(), Math.random(), Date.now(), new Date().toISOString()]
    const kept = await step.do("keep", async () => first)
    await step.sleep("nap", 20)
    const later = Date.now()
    const stored = await step.do("later", async () => [later, Math.random() >= 0])
    await step.sleep("nap", 20)
    return [JSON.stringify(first) === JSON.stringify(kept), stored[0] === later, later > first[2], new Date(0) instanceof Date, Date(), typeof new Date(2020, 1)]`)
  const result = (await workflow.result()) as unknown[]
  assert.deepEqual(result.slice(0, 4), [true, true, true, true])
})

test(
  "a script that takes another way in a replay is told which step was expected and which came",
  { timeout },
  async () => {
    const workflow = await run(`
    const name = crypto.randomUUID()
    await step.do(name, async () => 1)
    await step.sleep("nap", 40)
    return "never"`)
    await assert.rejects(
      workflow.result(),
      coded("workflow.nondeterminism", /continues with step "[\w-]{36}", but the code asked for step "[\w-]{36}"/),
    )
  },
)

test("a script that waits for something of its own does not leave memory meanwhile", { timeout }, async () => {
  const workflow = await run(`
    const nap = step.sleep("nap", "1 day")
    await new Promise((resolve) => setTimeout(resolve, 60))
    const value = await step.do("after", async () => "after its own timer")
    return await Promise.race([nap, value])`)
  assert.equal(await workflow.result(), "after its own timer")
})

test(
  "a script's requests outside and inside of steps work, and are in the history with its logs",
  { timeout },
  async () => {
    const server = createServer((request, response) => {
      response.write("first ")
      setTimeout(() => response.end(request.url), 50)
    })
    await once(server.listen(0, "127.0.0.1"), "listening")
    const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
    try {
      const workflow = await run(
        `
      const outside = await (await fetch(event.payload + "/outside")).text()
      const inside = await step.do("inside", async () => {
        console.log("inside now")
        return (await fetch(event.payload + "/inside")).text()
      })
      return [outside, inside]`,
        { params: origin, network: { allowedOrigins: [origin] } },
      )
      assert.deepEqual(await workflow.result(), ["first /outside", "first /inside"])
      const entry = (await workflow.history()).find((one) => one.type === "step" && one.phase === "ok")
      assert.ok(entry?.type === "step")
      const [trace] = (entry.runs ?? []) as { logs: { message: string }[]; egress: { path: string }[] }[]
      assert.deepEqual(
        [trace?.logs.map(({ message }) => message), trace?.egress.map(({ path }) => path)],
        [["inside now"], ["/outside", "/inside"]],
      )
    } finally {
      server.close()
    }
  },
)

test("a script that waits for nothing is ended", { timeout }, async () => {
  const workflow = await run(`await new Promise(() => {})`)
  await assert.rejects(workflow.result(), coded("workflow.unsettled"))
})

test("a script over its limits is ended with that limit", { timeout }, async () => {
  const busy = await run(`await step.do("a", async () => 1); for (;;);`, { limits: { cpuMs: 100 } })
  await assert.rejects(busy.result(), (error) => {
    assert.ok(error instanceof MayflyError)
    assert.deepEqual([error.code, error.details["code"]], ["workflow.failed", "worker.cpu-limit"])
    return true
  })
})

test("a script can't break the engine with what it says about steps", { timeout }, async () => {
  const workflow = await run(`
    const seen = []
    const tries = [
      () => step.do(5, async () => 1),
      () => step.do("", async () => 1),
      () => step.do("x".repeat(300), async () => 1),
      () => step.do("a", { retries: { limit: -1, delay: 1 } }, async () => 1),
      () => step.do("a", { nonsense: 1 }, async () => 1),
      () => step.do("a", { timeout: "soon" }, async () => 1),
      () => step.do("a"),
      () => step.sleep("a", "forever"),
      () => step.sleep("a", -5),
      () => step.sleepUntil("a", NaN),
      () => step.waitForEvent("a", {}),
      () => step.waitForEvent("a", { type: "a b" }),
      () => step.workflow("a", { steps: [] }),
      () => step.do("f", { retries: { limit: 0, delay: 1 } }, async () => () => 1),
    ]
    for (const attempt of tries) {
      try { await attempt(); seen.push("nothing") } catch (error) { seen.push(error.code ?? error.name) }
    }
    return seen`)
  const seen = (await workflow.result()) as string[]
  const wanted = Array.from({ length: 13 }, () => "input.invalid")
  wanted[6] = "TypeError"
  assert.deepEqual(seen.slice(0, 13), wanted)
  assert.notEqual(seen[13], "nothing")
})

test("a script with too many steps is ended", { timeout }, async () => {
  const workflow = await run(`
    await Promise.all(Array.from({ length: 9000 }, (_, n) => step.sleep("nap", 1)))
    for (let n = 0; n < 2000; n++) await step.sleep("nap", 0)`)
  await assert.rejects(workflow.result(), coded("workflow.step-limit", /10000/))
})

test("a script starts a child and waits for it", { timeout }, async () => {
  const workflow = await run(`
    const script = "export default async (event, step) => step.do('double', async () => event.payload * 2)"
    return await step.workflow("kid", { script, params: 21 })`)
  assert.equal(await workflow.result(), 42)
})

test("a dynamic delay decides when the next attempt is", { timeout }, async () => {
  const workflow = await run(`
    const delay = ({ ctx, error }) => ctx.attempt * (error.message === "!" ? 7 : 1000)
    await step.do("a", { retries: { limit: 2, delay } }, async (ctx) => { if (ctx.attempt < 3) throw new Error("!") })`)
  await workflow.result()
  const history = await workflow.history()
  const delays = history.flatMap((entry) => (entry.type === "step" && entry.dueAt ? [entry.dueAt - entry.time] : []))
  assert.deepEqual(delays, [7, 14])
  const broken = await run(`
    await step.do("a", { retries: { limit: 2, delay: () => "whenever" } }, async () => { throw new Error("!") })`)
  await assert.rejects(broken.result(), coded("workflow.failed", /function for the delay failed/))
})

test("terminate reaches the isolate", { timeout }, async () => {
  const calls = Promise.withResolvers<void>()
  const workflow = await platform.env.WORKFLOWS.create({
    steps: [
      {
        name: "busy",
        run: async (ctx) => {
          const worker = await ctx.createWorker({
            script: "export default async (input, env) => { await env.started(); for (;;); }",
            env: { started: () => calls.resolve() },
            limits: { cpuMs: null, wallMs: null },
          })
          return worker.run()
        },
      },
    ],
  })
  await calls.promise
  await workflow.terminate()
  await assert.rejects(workflow.result(), coded("workflow.terminated"))
  // There is one host with one lane: it is free again.
  const next = await run(`return "free"`)
  assert.equal(await next.result(), "free")
})

test("code steps run in isolates of their own, and their logs and usage are in the history", { timeout }, async () => {
  const workflow = await platform.env.WORKFLOWS.create({
    steps: [
      { name: "one", code: "(input) => { console.log('saw', input.n); return input.n + 1 }", input: { n: 1 } },
      {
        name: "two",
        code: { modules: { "m.js": "export default (n) => n * 10" }, mainModule: "m.js" },
        input: { $from: "one" },
      },
      {
        name: "three",
        code: "() => { throw new TypeError('broken') }",
        retries: { limit: 1, delay: 1 },
        rollback: "() => 1",
      },
    ],
  })
  await assert.rejects(workflow.result(), (error) => {
    assert.ok(error instanceof MayflyError)
    assert.deepEqual([error.code, error.message, error.details["name"]], ["workflow.failed", "broken", "TypeError"])
    return true
  })
  const history = await workflow.history()
  // On a busy machine a row says that the attempt has begun.
  const one = history.find((entry) => entry.type === "step" && entry.step.name === "one" && entry.phase === "ok")
  assert.ok(one?.type === "step")
  const [first] = (one.runs ?? []) as { logs: { message: string }[]; usage: { cpuMs: number } }[]
  assert.deepEqual([first?.logs.map(({ message }) => message), one.input, one.output], [["saw 1"], { n: 1 }, 2])
  assert.ok((first?.usage.cpuMs ?? 0) > 0)
  assert.equal((await workflow.status()).rollback, "complete")
})

test("an instance of code goes on in the next process without anybody asking for it", { timeout }, async () => {
  const dataDir = mkdtempSync(join(tmpdir(), "mayfly-workflows-"))
  try {
    {
      await using before = await open(dataDir)
      const workflow = await before.env.WORKFLOWS.create({
        id: "lasting",
        script: `export default async (event, step) => {
          const first = await step.do("first", async () => Math.random())
          const again = await step.waitForEvent("go", { type: "go" })
          return [first, await step.do("second", async () => again.payload)]
        }`,
      })
      for await (const entry of workflow.subscribe()) if (entry.type === "step" && entry.step.kind === "event") break
      await workflow.sendEvent({ type: "go", payload: "on" })
    }
    await using later = await open(dataDir)
    const workflow = await later.env.WORKFLOWS.get("lasting")
    const [first, second] = (await workflow.result()) as [number, string]
    assert.deepEqual([typeof first, second], ["number", "on"])
  } finally {
    rmSync(dataDir, { recursive: true, force: true })
  }
})

test("a script can't give a child more than it has itself", { timeout }, async () => {
  const workflow = await run(
    `
    const script = "export default async (event, step) => step.do('out', { retries: { limit: 0, delay: 1 } }, async () => (await fetch('http://127.0.0.1:9/')).status)"
    const network = { defaultPolicy: "allow", allowedOrigins: ["http://127.0.0.1:9"] }
    const tries = [
      { script, network, limits: { cpuMs: 60000, memoryMb: 1024 } },
      { steps: [{ name: "out", code: "async () => (await fetch('http://127.0.0.1:9/')).status", network, retries: { limit: 0, delay: 1 } }] },
    ]
    const seen = []
    for (const options of tries) {
      try { seen.push(await step.workflow("kid", options)) } catch (error) { seen.push(error.message) }
    }
    return seen`,
  )
  for (const message of (await workflow.result()) as string[])
    assert.match(String(message), /may not|not allowed|denied|can't be reached/i)
})

test("a script's children can't have children for ever", { timeout }, async () => {
  const script = `export default async (event, step) => {
    try {
      return await step.workflow("kid", { script: event.payload.script, params: { script: event.payload.script, depth: event.payload.depth + 1 } })
    } catch (error) {
      return [event.payload.depth, error.code]
    }
  }`
  const workflow = await create(script, { params: { script, depth: 0 } })
  assert.deepEqual(await workflow.result(), [8, "workflow.too-deep"])
})

test("a script's child that does not compile is the step's failure", { timeout }, async () => {
  const workflow = await run(`
    try { await step.workflow("kid", { script: "export default (" }) } catch (error) { return error.code }`)
  assert.equal(await workflow.result(), "worker.syntax")
})

const counts = `
let count = 0
export default async (event, step) => step.do("count", async () => ++count)`

test("instances of a script share an isolate with reuse, and only with it", { timeout }, async () => {
  const results = async (more: WorkflowOptions, options?: WorkflowOptions): Promise<unknown[]> => {
    const all: unknown[] = []
    for (let n = 0; n < 3; n++) all.push(await (await create(counts, { ...more, ...options })).result())
    return all
  }
  assert.deepEqual(await results({}), [1, 1, 1])
  assert.deepEqual(await results({ reuse: true }), [1, 2, 3])
  const other = platform.workflows("other")
  assert.equal(await (await other.create({ script: counts, reuse: true })).result(), 1)
})

test("create refuses a reuse that makes no sense", { timeout }, async () => {
  const bad: WorkflowOptions[] = [
    { script: counts, reuse: "yes" as never },
    { steps: [{ name: "a", run: () => 1 }], reuse: true },
  ]
  for (const options of bad) await assert.rejects(platform.env.WORKFLOWS.create(options), coded("input.invalid"))
})

test("instances that share an isolate keep their results apart, in order, over waits", { timeout }, async () => {
  const script = `export default async (event, step) => {
    const all = await Promise.all([3, 1, 2].map((n) => step.do("same", async () => {
      await new Promise((resolve) => setTimeout(resolve, n))
      return event.payload + n
    })))
    await step.sleep("nap", 20)
    const { payload } = await step.waitForEvent("go", { type: "go" })
    return [...all, payload, await step.do("last", async () => event.instanceId)]
  }`
  const workflows = await Promise.all(
    Array.from({ length: 30 }, (_, n) => create(script, { id: `shared-${n}`, params: `p${n}-`, reuse: true })),
  )
  await Promise.all(workflows.map((workflow, n) => workflow.sendEvent({ type: "go", payload: n })))
  assert.deepEqual(
    await Promise.all(workflows.map((workflow) => workflow.result())),
    workflows.map((_, n) => [`p${n}-3`, `p${n}-1`, `p${n}-2`, n, `shared-${n}`]),
  )
})

test("a script that ends the isolate it shares is ended alone, and the others go on", { timeout }, async () => {
  const script = `export default async (event, step) => {
    await step.do("first", async () => 1)
    if (event.payload === 3) for (;;);
    return step.do("second", async () => event.payload)
  }`
  const workflows = await Promise.all(
    Array.from({ length: 8 }, (_, n) => create(script, { params: n, reuse: true, limits: { cpuMs: 200 } })),
  )
  const ends = await Promise.allSettled(workflows.map((workflow) => workflow.result()))
  assert.deepEqual(
    ends.map((end) => (end.status === "fulfilled" ? end.value : (end.reason as MayflyError).details["code"])),
    [0, 1, 2, "worker.cpu-limit", 4, 5, 6, 7],
  )
})

test("a shared isolate is replaced before its instances have used its limit up", { timeout }, async () => {
  const script = `export default async (event, step) => step.do("work", async () => {
    const began = performance.now()
    while (performance.now() - began < 40);
    return event.payload
  })`
  for (let n = 0; n < 12; n++) {
    const workflow = await create(script, { params: n, reuse: true, limits: { cpuMs: 250 } })
    assert.equal(await workflow.result(), n)
    // Nobody had to run it again.
    const [entry] = (await workflow.history()).filter((one) => one.type === "step" && one.phase === "ok")
    assert.equal(entry?.type === "step" ? entry.attempt : undefined, 1)
  }
})

test(
  "what can't be passed is the failure of its step, not of those that end together with it",
  { timeout },
  async () => {
    const once = "{ retries: { limit: 0, delay: 1 } }"
    const workflow = await run(`
    const values = [1, Symbol("no"), new Date(5), Promise, 2]
    const ends = await Promise.allSettled(values.map((value) => step.do("value", ${once}, async () => value)))
    const bad = await Promise.allSettled([step.sleep(Symbol("name"), 1), step.sleep("good", 1)])
    return [...ends, ...bad].map(({ status, value }) => status === "fulfilled" ? value : "refused")`)
    assert.deepEqual(await workflow.result(), [1, "refused", new Date(5), "refused", 2, "refused", undefined])
    const ending = await run(`return Symbol("no")`)
    await assert.rejects(ending.result(), coded("workflow.failed", /symbol/))
  },
)
