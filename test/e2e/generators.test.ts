import assert from "node:assert/strict"
import { after, test } from "node:test"
import { createPlatform, DynamicWorker, type MayflyError, type RunEvent } from "mayfly"

const platform = await createPlatform({ hosts: 1, spare: false })
after(() => platform.dispose())

const create = (script: string, options: object = {}): Promise<DynamicWorker> =>
  DynamicWorker.create({ script, platform, ...options })

const shortOf = (event: RunEvent): unknown => {
  if (event.type === "value") return event.value
  if (event.type === "log") return `log ${event.message}`
  if (event.type === "result") return ["result", event.result]
  return event.type === "error" ? ["error", event.error.code, event.error.details["message"]] : event.type
}

async function eventsOf(worker: DynamicWorker, input?: unknown, options: object = {}): Promise<unknown[]> {
  const events: unknown[] = []
  for await (const event of worker.stream(input, options)) events.push(shortOf(event))
  return events
}

const shapes: Record<string, string> = {
  "a default function": "export default async function* (n) { for (let i = 0; i < n; i++) yield i; return 'end' }",
  "a synchronous one": "export default function* (n) { for (let i = 0; i < n; i++) yield i; return 'end' }",
  "a run method": "export default { async *run(n) { for (let i = 0; i < n; i++) yield i; return 'end' } }",
  "a class": "export default class { async *run(n) { for (let i = 0; i < n; i++) yield i; return 'end' } }",
  "an expression": "async function* (n) { for (let i = 0; i < n; i++) yield i; return 'end' }",
  "a body": "return (async function* () { for (let i = 0; i < input; i++) yield i; return 'end' })()",
  "an async iterable":
    "export default (n) => ({ [Symbol.asyncIterator]: () => { let i = 0; return { next: async () => i < n ? { value: i++ } : { done: true, value: 'end' } } } })",
}
for (const [name, script] of Object.entries(shapes)) {
  test(`the values of ${name} are events, and an array for run`, async () => {
    const worker = await create(script)
    assert.deepEqual(await eventsOf(worker, 3), [0, 1, 2, ["result", "end"]])
    assert.deepEqual(await worker.run(3), [0, 1, 2])
    assert.deepEqual(await worker.run(0), [])
  })
}

test("values are rich, and snapshots of when they were yielded", async () => {
  const worker = await create(
    "export default function* () { const seen = []; for (const x of [1n, new Date(0), new Map([[1, 2]])]) { seen.push(x); yield seen } }",
  )
  const values = [[1n], [1n, new Date(0)], [1n, new Date(0), new Map([[1, 2]])]]
  assert.deepEqual(await worker.run(), values)
  assert.deepEqual(await eventsOf(worker), [...values, ["result", undefined]])
})

test("arrays, maps, sets and text are data, though they can be iterated", async () => {
  const worker = await create(
    "export default () => ({ list: [1], map: new Map([[1, 2]]), set: new Set([1]), text: 'x' })",
  )
  assert.deepEqual(await eventsOf(worker), [
    ["result", { list: [1], map: new Map([[1, 2]]), set: new Set([1]), text: "x" }],
  ])
  assert.deepEqual(await (await create("export default () => new Map([[1, 2]]).values()")).run(), [2])
})

test("logs come between the values, and the program is never ahead of its reader", async () => {
  let steps = 0
  const idle = await create("1")
  const worker = await create(
    "export default async function* (_, env) { for (let i = 0; i < 3; i++) { console.log(i); await env.step(); yield i } }",
    { env: { step: () => void steps++ } },
  )
  const seen: unknown[] = []
  for await (const event of worker.stream()) {
    seen.push(event.type === "value" ? [event.value, steps] : shortOf(event))
    // Whatever would run ahead has its turns now.
    if (event.type === "value") await idle.run()
  }
  assert.deepEqual(seen, ["log 0", [0, 1], "log 1", [1, 2], "log 2", [2, 3], ["result", undefined]])
})

test("leaving the loop calls the generator's return, and its finally blocks have run", async () => {
  const told = new Set<unknown>()
  const worker = await create(
    `export default async function* (_, env, ctx) {
       ctx.signal.addEventListener("abort", () => env.tell(ctx.signal.reason.name))
       try { for (let i = 0; ; i++) yield i } finally { await env.tell("closed") }
     }`,
    { env: { tell: (what: unknown) => void told.add(what) } },
  )
  for await (const event of worker.stream()) if (event.type === "value" && event.value === 2) break
  assert.deepEqual(told, new Set(["AbortError", "closed"]))
})

test("a generator that does not return when it is told to is taken away", async () => {
  const stuck = [
    "export default async function* () { yield 1; await new Promise(() => {}) }",
    "export default async function* () { try { yield 1 } finally { await new Promise(() => {}) } }",
    "export default async function* () { try { yield 1 } finally { for (;;); } }",
  ]
  for (const script of stuck) {
    const worker = await create(script, { limits: { cpuMs: null, wallMs: null } })
    for await (const event of worker.stream()) if (event.type === "value") break
  }
  assert.equal(await (await create("1 + 1")).run(), 2)
})

test("an aborted signal ends the stream as worker.aborted", async () => {
  const abort = new AbortController()
  const worker = await create("export default async function* () { for (let i = 0; ; i++) yield i }")
  const types: unknown[] = []
  for await (const event of worker.stream(undefined, { signal: abort.signal })) {
    types.push(event.type === "error" ? event.error.code : event.type)
    if (event.type === "value") abort.abort()
  }
  assert.deepEqual(types, ["value", "worker.aborted"])
})

test("what a generator throws is the run's error, with its place", async () => {
  const worker = await create("export default async function* () {\n  yield 1\n  throw new RangeError('far')\n}")
  assert.deepEqual(await eventsOf(worker), [1, ["error", "worker.guest", "far"]])
  await assert.rejects(worker.run(), (error: MayflyError) => error.details["line"] === 3)
})

test("limits count over all values", async () => {
  const endless = await create("export default function* () { for (;;) yield 'x'.repeat(100) }", {
    limits: { outputBytes: 1_000 },
  })
  const events = await eventsOf(endless)
  assert.deepEqual([events.length, events.at(-1)], [10, ["error", "worker.output-limit", undefined]])
  await assert.rejects(endless.run(), { code: "worker.output-limit" })
  const rich = await create("export default function* () { for (;;) yield new Map([[1, 'x'.repeat(100)]]) }", {
    limits: { outputBytes: 1_000 },
  })
  await assert.rejects(rich.run(), { code: "worker.output-limit" })
  const slow = await create(
    "export default function* () { for (;;) { const end = Date.now() + 20; while (Date.now() < end); yield 1 } }",
    {
      limits: { cpuMs: 100 },
    },
  )
  assert.deepEqual((await eventsOf(slow)).at(-1), ["error", "worker.cpu-limit", undefined])
  const waiting = await create("export default async function* () { yield 1; await new Promise(() => {}) }", {
    limits: { wallMs: 200 },
  })
  assert.deepEqual(await eventsOf(waiting), [1, ["error", "worker.wall-limit", undefined]])
})

test("a value that is no data is worker.not-serializable, with its path", async () => {
  const worker = await create("export default function* () { yield 1; yield { f() {} } }")
  assert.deepEqual(await eventsOf(worker), [1, ["error", "worker.not-serializable", undefined]])
  await assert.rejects(worker.run(), (error: MayflyError) => error.details["path"] === "result[1].f")
})

test("a reader that waits between two values costs nothing, and the run goes on without other work", async () => {
  const worker = await create("export default function* () { yield 1; yield 2 }", { limits: { wallMs: null } })
  const stream = worker.stream()
  const first = await stream.next()
  // Other runs have their turns meanwhile.
  for (let turn = 0; turn < 20; turn++) await (await create("1")).run()
  const second = await stream.next()
  assert.deepEqual([shortOf(first.value as RunEvent), shortOf(second.value as RunEvent)], [1, 2])
  await stream.return()
})

test("bindings take and give generators", async () => {
  const worker = await create(
    `const seen = []; for await (const row of await env.rows(3)) seen.push(row)
     const sum = await env.sum((function* () { yield 1; yield 2 })()); return { seen, sum }`,
    {
      env: {
        async *rows(count: number) {
          for (let id = 0; id < count; id++) yield { id }
        },
        async sum(values: AsyncIterable<number>) {
          let total = 0
          for await (const value of values) total += value
          return total
        },
      },
    },
  )
  assert.deepEqual(await worker.run(), { seen: [{ id: 0 }, { id: 1 }, { id: 2 }], sum: 3 })
})
