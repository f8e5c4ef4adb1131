import assert from "node:assert/strict"
import { after, test } from "node:test"
import { createPlatform, DynamicWorker, type MayflyError, WorkerLoader } from "mayfly"

const platform = await createPlatform({ hosts: 1, spare: false })
after(() => platform.dispose())

const create = (script: string, options: object = {}): Promise<DynamicWorker> =>
  DynamicWorker.create({ script, platform, ...options })

// What every `ctx` has, in every shape of a program.

const probe = `(ctx.waitUntil(Promise.resolve()), ctx.passThroughOnException(),
  [ctx.props, typeof ctx.waitUntil, ctx.signal instanceof AbortSignal, ctx.signal.aborted, typeof ctx.exports])`
const expected = [{ who: "me" }, "function", true, false, "object"]

const shapes: Record<string, string> = {
  "a default function": `export default (input, env, ctx) => ${probe}`,
  "an async arrow expression": `async (input, env, ctx) => ${probe}`,
  "an object with run": `export default { run(input, env, ctx) { return ${probe} } }`,
  "a class with run": `export default class { constructor(ctx, env) { this.ctx = ctx } run() { const { ctx } = this; return ${probe} } }`,
  "a WorkerEntrypoint": `import { WorkerEntrypoint } from "cloudflare:workers"
    export default class extends WorkerEntrypoint { run() { const { ctx } = this; return ${probe} } }`,
  "an exported run": `export const run = (input, env, ctx) => ${probe}`,
  "a body": `return ${probe}`,
  "a body that ends in a function": `function main(input, env, ctx) { return ${probe} }`,
  "a fence": "```js\nasync (input, env, ctx) => " + probe + "\n```",
}
for (const [name, script] of Object.entries(shapes)) {
  test(`ctx of ${name} has props, waitUntil, passThroughOnException, signal and exports`, async () => {
    assert.deepEqual(await (await create(script)).run(1, { props: { who: "me" } }), expected)
  })
}

test("ctx of named entrypoints and of fetch handlers has the same", async () => {
  const loader = new WorkerLoader({ platform })
  const stub = loader.get("context", () => ({
    mainModule: "main.js",
    modules: {
      "main.js": `import { WorkerEntrypoint } from "cloudflare:workers"
        export class Named extends WorkerEntrypoint {
          probe() { const { ctx } = this; return ${probe} }
          fetch() { const { ctx } = this; return Response.json(${probe}) }
        }
        export const plain = { fetch: (request, env, ctx) => Response.json(${probe}) }
        export default { fetch: (request, env, ctx) => Response.json(${probe}) }`,
    },
  }))
  const options = { props: { who: "me" } }
  const named = stub.getEntrypoint("Named", options)
  assert.deepEqual(await named["probe"]?.(), expected)
  for (const entry of [named, stub.getEntrypoint("plain", options), stub.getEntrypoint(null, options)]) {
    assert.deepEqual(await (await entry.fetch("https://x/")).json(), expected)
  }
})

test("waitUntil work of a named entrypoint goes on after its answer, and its failure is a log line", async () => {
  const worker = await create(
    "export default { run(input, env, ctx) { ctx.waitUntil(env.later().then(() => console.log('later'))); ctx.waitUntil(Promise.reject(new Error('lost'))); return 1 } }",
    { env: { later: () => undefined } },
  )
  const run = await worker.execute()
  assert.deepEqual(
    [run.ok && run.result, run.logs.map(({ message }) => message.split("\n")[0])],
    [1, ["later", "Uncaught Error: lost"]],
  )
})

// ctx.exports

const exporting = `import { RpcTarget, WorkerEntrypoint } from "cloudflare:workers"
  class Cell extends RpcTarget { value = 0; add(by) { return (this.value += by) } }
  export class Greeter extends WorkerEntrypoint {
    greet(name) { return [this.ctx.props.word ?? "hello", name, this.env.from] }
    cell() { return new Cell() }
    each(items, call) { return Promise.all(items.map((item) => call(item))) }
    mutate(list) { list.push(2); return list }
    fail() { throw Object.assign(new RangeError("far"), { code: "E_FAR" }) }
    fetch(request) { return new Response("fetched " + new URL(request.url).pathname) }
    async *count(to) { for (let n = 1; n <= to; n++) yield n }
    names() { return Object.keys(this.ctx.exports) }
  }
  export const constant = 5
`

test("ctx.exports calls the program's own entrypoints, with props", async () => {
  const worker = await create(
    `${exporting}
     export default async (input, env, ctx) => {
       const { Greeter } = ctx.exports
       const cell = await Greeter.cell()
       const list = [1]
       const counted = []
       for await (const n of await Greeter.count(3)) counted.push(n)
       return {
         plain: await Greeter.greet("you"),
         props: await Greeter({ props: { word: "bye" } }).greet("you"),
         cell: [await cell.add(2), await cell.add(3)],
         each: await Greeter.each([1, 2], (item) => item * 10),
         copied: [await Greeter.mutate(list), list],
         failed: await Greeter.fail().catch((error) => [error.name, error.message, error.code]),
         fetched: await (await Greeter.fetch(new Request("https://x/path"))).text(),
         missing: await Greeter.nothing().catch((error) => error.message),
         hidden: await Greeter.constructor().catch((error) => error.message),
         counted,
         names: [Object.keys(ctx.exports), "Greeter" in ctx.exports, ctx.exports.constant, ctx.exports.nothing],
         inner: await Greeter.names(),
       }
     }`,
    { env: { from: "here" } },
  )
  assert.deepEqual(await worker.run(), {
    plain: ["hello", "you", "here"],
    props: ["bye", "you", "here"],
    cell: [2, 5],
    each: [10, 20],
    copied: [[1, 2], [1]],
    failed: ["RangeError", "far", "E_FAR"],
    fetched: "fetched /path",
    missing: 'the entrypoint "Greeter" has no method "nothing"',
    hidden: 'the entrypoint "Greeter" has no method "constructor"',
    counted: [1, 2, 3],
    names: [["Greeter", "default"], true, undefined, undefined],
    inner: ["Greeter", "default"],
  })
})

test("a loopback stub goes to a binding by reference", async () => {
  const worker = await create(
    `${exporting}
     export default (input, env, ctx) => env.use(ctx.exports.Greeter({ props: { word: "hi" } }))`,
    { env: { from: "there", use: (stub: { greet(name: string): Promise<unknown> }) => stub.greet("parent") } },
  )
  assert.deepEqual(await worker.run(), ["hi", "parent", "there"])
})

// ctx.signal

test("ctx.signal fires when the caller cancels, and the program may clean up with its bindings", async () => {
  const told: unknown[] = []
  const cleaned = Promise.withResolvers<void>()
  const started = Promise.withResolvers<void>()
  const worker = await create(
    `await env.started(); const { signal } = ctx
     await new Promise((resolve) => signal.addEventListener("abort", resolve))
     await env.tell(signal.reason.name, signal.reason.message, signal.reason instanceof DOMException)`,
    {
      env: {
        started: () => started.resolve(),
        tell(...given: unknown[]) {
          told.push(...given)
          cleaned.resolve()
        },
      },
    },
  )
  const abort = new AbortController()
  const run = worker.execute(undefined, { signal: abort.signal })
  await started.promise
  // The program asks for the signal in the turn that its call's answer brings.
  await (await create("1")).run()
  abort.abort(new Error("enough"))
  const ended = await run
  assert.equal(ended.ok ? "ok" : ended.error.code, "worker.aborted")
  await cleaned.promise
  assert.deepEqual(told, ["AbortError", "the run was cancelled: enough", true])
})

test("ctx.signal fires shortly before the wall limit", async () => {
  const worker = await create(
    "const { signal } = ctx; await new Promise((resolve) => signal.addEventListener('abort', resolve)); return signal.reason.name",
    { limits: { wallMs: 2_000 } },
  )
  assert.equal(await worker.run(), "TimeoutError")
})

test("a program that ignores its signal is taken away all the same", async () => {
  const asked = Promise.withResolvers<void>()
  const worker = await create("ctx.signal; await env.asked(); await new Promise(() => {})", {
    env: { asked: () => asked.resolve() },
    limits: { wallMs: null },
  })
  const abort = new AbortController()
  const stream = worker.stream(undefined, { signal: abort.signal })
  const first = stream.next()
  await asked.promise
  abort.abort()
  const event = (await first).value
  assert.equal(event?.type === "error" && event.error.code, "worker.aborted")
  // The end of the loop waits for the end of the run.
  assert.deepEqual(await stream.next(), { value: undefined, done: true })
})

test("asking for the signal is no binding call, and no effect", async () => {
  const run = await (await create("return ctx.signal.aborted")).execute()
  assert.deepEqual([run.ok && run.result, run.usage.bindingCalls, run.usage.bytesOut], [false, 0, 5])
})

test("request.signal is the run's", async () => {
  const told = Promise.withResolvers<unknown>()
  const started = Promise.withResolvers<void>()
  const worker = await create(
    `export default { async fetch(request, env) {
       request.signal.addEventListener("abort", () => env.tell(request.signal.reason.name)); await env.started()
       return new Promise(() => {}) } }`,
    { env: { tell: told.resolve, started: () => started.resolve() } },
  )
  const abort = new AbortController()
  const answer = worker.fetch("https://x/", { signal: abort.signal })
  await started.promise
  abort.abort()
  await assert.rejects(answer, (error: MayflyError) => error.code === "worker.aborted")
  assert.equal(await told.promise, "AbortError")
})
