import assert from "node:assert/strict"
import { after, test } from "node:test"
import { createPlatform, DynamicWorker, RpcTarget } from "@mayfly/platform"

const platform = await createPlatform({ hosts: 1, spare: false })
after(() => platform.dispose())

class Counter extends RpcTarget {
  #count = 0
  increment(by: number): number {
    return (this.#count += by)
  }
}

class Store {
  #rows = new Map<string, unknown>()
  async get(key: string): Promise<unknown> {
    return this.#rows.get(key)
  }
  async put(key: string, value: unknown): Promise<void> {
    this.#rows.set(key, value)
  }
}

async function run(script: string, env: Record<string, unknown>, input?: unknown): Promise<unknown> {
  const worker = await DynamicWorker.create({ script, env, platform })
  return worker.run(input)
}

test("bindings take rich values, nested objects and class instances", async () => {
  const script = `await env.store.put("k", new Map([[1, new Date(0)]]))
    return [await env.store.get("k"), await env.a.b.c(2n), env.data.list, typeof env.store.put]`
  const env = { store: new Store(), a: { b: { c: (n: bigint) => n * 2n } }, data: { list: [1, { x: undefined }] } }
  assert.deepEqual(await run(script, env), [new Map([[1, new Date(0)]]), 4n, [1, { x: undefined }], "function"])
})

test("bindings call functions that the guest gives them", async () => {
  const each = async (items: number[], call: (item: number) => Promise<number>): Promise<number[]> =>
    Promise.all(items.map((item) => call(item)))
  assert.deepEqual(await run("return env.each([1, 2, 3], async (item) => item * 10)", { each }), [10, 20, 30])
})

test("bindings give functions and targets to the guest", async () => {
  const script = `const counter = await env.open(); const add = await env.adder(5)
    return [await counter.increment(2), await counter.increment(3), await add(1), await env.same(counter)]`
  const opened = new Counter()
  const env = {
    open: () => opened,
    adder: (by: number) => (n: number) => n + by,
    same: (value: unknown) => value === opened,
  }
  assert.deepEqual(await run(script, env), [2, 5, 6, true])
})

test("bindings pass a guest's RpcTarget-like functions with errors by name, message and code", async () => {
  const probe = async (call: () => Promise<never>): Promise<unknown> => call().catch((error: unknown) => error)
  const script = "return env.probe(() => { throw Object.assign(new RangeError('far'), { code: 'E_FAR' }) })"
  const error = (await run(script, { probe })) as Error & { code: string }
  assert.deepEqual([error.name, error.message, error.code], ["RangeError", "far", "E_FAR"])
})

test("a guest's function is worker.stub-expired when its run is over", async () => {
  let kept: (() => Promise<unknown>) | undefined
  const keep = (call: () => Promise<unknown>): void => {
    kept = call
  }
  await run("await env.keep(() => 1)", { keep })
  await assert.rejects(async () => kept?.(), { code: "worker.stub-expired" })
})

test("a binding that never answers ends with the wall limit", async () => {
  const worker = await DynamicWorker.create({
    script: "return env.never()",
    env: { never: () => new Promise(() => {}) },
    limits: { wallMs: 200 },
    platform,
  })
  const result = await worker.execute()
  assert.equal(result.ok ? "ok" : result.error.code, "worker.wall-limit")
})

test("a binding is called 100,000 times", async () => {
  let calls = 0
  const worker = await DynamicWorker.create({
    script:
      "for (let at = 0; at < 100; at++) await Promise.all(Array.from({ length: 1000 }, () => env.hit())); return 'done'",
    env: { hit: () => ++calls },
    limits: { cpuMs: null, wallMs: null },
    platform,
  })
  const result = await worker.execute()
  assert.deepEqual([result.ok && result.result, calls, result.usage.bindingCalls], ["done", 100_000, 100_000])
})

test("bindings pass streams both ways, with back-pressure and cancellation", async () => {
  let pulled = 0
  let cancelled: unknown
  const endless = (): ReadableStream =>
    new ReadableStream({
      pull: (controller) => controller.enqueue(new Uint8Array([++pulled])),
      cancel(reason) {
        cancelled = reason
      },
    })
  const collect = async (stream: ReadableStream<unknown>): Promise<unknown[]> => {
    const chunks: unknown[] = []
    for await (const chunk of stream) chunks.push(chunk)
    return chunks
  }
  const script = `const stream = await env.endless(); const seen = []
    for await (const chunk of stream) { seen.push(chunk[0]); if (seen.length === 5) break }
    const back = await env.collect(new ReadableStream({ start(c) { c.enqueue("a"); c.enqueue({ b: 1 }); c.close() } }))
    const { writable, readable } = new TransformStream()
    const written = env.fill(writable)
    const out = []; for await (const chunk of readable) out.push(chunk)
    await written
    return { seen, back, out }`
  const fill = async (stream: WritableStream<number>): Promise<void> => {
    const writer = stream.getWriter()
    for (const n of [1, 2, 3]) await writer.write(n)
    await writer.close()
  }
  assert.deepEqual(await run(script, { endless, collect, fill }), {
    seen: [1, 2, 3, 4, 5],
    back: ["a", { b: 1 }],
    out: [1, 2, 3],
  })
  assert.ok(pulled < 500, `${pulled} chunks were pulled for 5`)
  assert.equal(cancelled, undefined)
})

test("bindings pass requests, responses, headers, URLs and abort signals", async () => {
  const service = async (request: Request): Promise<Response> =>
    new Response(`${request.method} ${request.url} ${await request.text()}`, {
      status: 201,
      headers: { "x-got": request.headers.get("x-sent") ?? "" },
    })
  const script = `const response = await env.service(new Request("https://a.b/c?d", { method: "POST", body: "body", headers: { "x-sent": "1" } }))
    const controller = new AbortController(); const waiting = env.wait(controller.signal); controller.abort(new Error("enough"))
    return [response.status, response.headers.get("x-got"), await response.text(), (await env.link()).host, (await env.headers()).get("a"), await waiting, response instanceof Response]`
  const env = {
    service,
    link: () => new URL("https://x.y:8080/"),
    headers: () => new Headers({ a: "b" }),
    wait: (signal: AbortSignal) =>
      new Promise((resolve) => signal.addEventListener("abort", () => resolve((signal.reason as Error).message))),
  }
  assert.deepEqual(await run(script, env), [201, "1", "POST https://a.b/c?d body", "x.y:8080", "b", "enough", true])
})

test("a fetcher in env gets a Request, however the guest calls it; a worker in env is one", async () => {
  const service = {
    fetch: async (request: Request) => Response.json([request.method, request.url, await request.text()]),
  }
  const other = await DynamicWorker.create({
    script:
      "export default { fetch: (request) => new Response('other ' + new URL(request.url).pathname), run: (n) => n + 1 }",
    platform,
  })
  const script = `const a = await env.service.fetch("https://a.b/c", { method: "POST", body: "x" })
    const b = await env.service.fetch(new Request("https://a.b/d"))
    return [await a.json(), await b.json(), await (await env.other.fetch("https://x/y")).text(), await env.other.run(1)]`
  assert.deepEqual(await run(script, { service, other }), [
    ["POST", "https://a.b/c", "x"],
    ["GET", "https://a.b/d", ""],
    "other /y",
    2,
  ])
})

test("bytes of any size and shape cross the bridge as they are, both ways, and count", async () => {
  const bytes = (length: number): Uint8Array => Uint8Array.from({ length }, (_, at) => (at * 7) % 256)
  const got: unknown[] = []
  const echo = (value: unknown): unknown => {
    got.push(value)
    return value
  }
  const worker = await DynamicWorker.create({
    script: `export default async (_, env) => {
      const bytes = (length) => Uint8Array.from({ length }, (_, at) => (at * 7) % 256)
      const values = [0, 1, 1_023, 1_024, 70_000, 300_000].map(bytes)
      const shared = bytes(4_000)
      values.push([shared, new Uint16Array(shared.buffer, 2, 1_500)], new Map([[1, bytes(5_000).buffer]]), new DataView(bytes(3_000).buffer, 8))
      let same = true
      for (const value of values) {
        const before = JSON.stringify([...(value.values?.() ?? [])])
        const answer = env.echo(value)
        // What is changed after the call was made is not what was sent.
        if (value instanceof Uint8Array) value.fill(0)
        same &&= JSON.stringify([...((await answer).values?.() ?? [])]) === before
      }
      return same
    }`,
    env: { echo },
    platform,
  })
  const run = await worker.execute()
  assert.deepEqual(run.ok ? run.result : run.error, true)
  const shared = bytes(4_000)
  assert.deepEqual(got, [
    ...[0, 1, 1_023, 1_024, 70_000, 300_000].map(bytes),
    [shared, new Uint16Array(shared.buffer, 2, 1_500)],
    new Map([[1, bytes(5_000).buffer]]),
    new DataView(bytes(3_000).buffer, 8),
  ])
  const { bytesIn, bytesOut } = run.usage
  for (const count of [bytesIn, bytesOut]) assert.ok(count > 380_000 && count < 400_000, String(count))
})

test("thousands of answers with bytes arrive, however many come at once", async () => {
  const worker = await DynamicWorker.create({
    script: `export default async (_, env) => {
      const lists = await Promise.all(Array.from({ length: 40 }, (_, at) => env.many(at)))
      return lists.every((list, at) => list.length === 1_100 && list.every((bytes) => bytes.length === 1_030 && bytes[7] === at))
    }`,
    env: { many: (at: number) => Array.from({ length: 1_100 }, () => new Uint8Array(1_030).fill(at)) },
    limits: { memoryMb: 512, cpuMs: 20_000 },
    platform,
  })
  assert.equal(await worker.run(), true)
})

test("bytes that wait for a program count against its memory", async () => {
  const worker = await DynamicWorker.create({
    script: `export default async (_, env) => {
      const calls = Array.from({ length: 40 }, () => env.big())
      await env.all()
      for (const until = Date.now() + 5_000; Date.now() < until;);
      return (await Promise.all(calls)).length
    }`,
    env: { big: () => new Uint8Array(4 << 20), all: () => 1 },
    limits: { memoryMb: 64, cpuMs: 10_000 },
    platform,
  })
  const run = await worker.execute()
  assert.equal(run.ok ? run.result : run.error.code, "worker.memory-limit")
})

test("a guest that tampers with buffers and typed arrays harms only what it sends", async () => {
  const worker = await DynamicWorker.create({
    script: `export default async (_, env) => {
      const bytes = new Uint8Array(5_000).fill(1)
      Object.defineProperty(ArrayBuffer.prototype, "byteLength", { get: () => 1e12 })
      Object.defineProperty(Object.getPrototypeOf(Uint8Array.prototype), "length", { get: () => 1e12 })
      ArrayBuffer.prototype.slice = () => new ArrayBuffer(1)
      ArrayBuffer.prototype.constructor = { [Symbol.species]: class { constructor() { return {} } } }
      Uint8Array.prototype.set = () => {}
      Array.prototype.push = () => { throw new Error("push") }
      Array.prototype.slice = () => { throw new Error("slice") }
      return env.size(bytes)
    }`,
    env: { size: (bytes: Uint8Array) => [bytes.byteLength, bytes[0], bytes[4_999]] },
    platform,
  })
  const run = await worker.execute()
  if (run.ok) assert.deepEqual(run.result, [5_000, 1, 1])
  else assert.equal(run.error.code, "worker.guest")
  assert.equal(await (await DynamicWorker.create({ script: "1 + 1", platform })).run(), 2)
})

test("what a binding throws, of whatever kind, is an error for the guest and nothing for us", async () => {
  const env = {
    error: () => Promise.reject(Object.assign(new RangeError("far"), { code: "E_FAR" })),
    text: () => {
      throw "text"
    },
    nothing: () => Promise.reject(undefined),
  }
  const script = `const seen = []; for (const name of ["error", "text", "nothing"]) await env[name]().catch((e) => seen.push([e.name, e.message, e.code]))
    return seen`
  assert.deepEqual(await run(script, env), [
    ["RangeError", "far", "E_FAR"],
    ["Error", "text", undefined],
    ["Error", "undefined", undefined],
  ])
})

test("a binding that gives what can't be cloned is an error that names the binding and the path", async () => {
  const env = { store: { get: () => ({ rows: [{ secret: Symbol("x") }] }) }, weak: () => new WeakMap() }
  const script = `const seen = []; for (const call of [() => env.store.get(), () => env.weak()]) await call().catch((e) => seen.push([e.code, e.message]))
    return seen`
  assert.deepEqual(await run(script, env), [
    ["worker.not-serializable", "env.store.get().rows[0].secret is a symbol, which can't be cloned"],
    ["worker.not-serializable", "env.weak() is a WeakMap, which can't be cloned"],
  ])
})

test(
  "enormous arguments are an error of the call or a limit, and the next run works",
  { timeout: 60_000 },
  async () => {
    let largest = 0
    const take = (text: string): void => void (largest = Math.max(largest, text.length))
    const script = `const seen = []
    for (const size of [1e6, 70e6]) await (async () => env.take("x".repeat(size)))().then(() => seen.push("ok"), (e) => seen.push(e.name))
    return seen`
    const worker = await DynamicWorker.create({ script, env: { take }, platform, limits: { memoryMb: 512 } })
    assert.deepEqual([await worker.run(), largest], [["ok", "RangeError"], 1e6])
    const deep = await DynamicWorker.create({
      script: "let value = []; for (let i = 0; i < 1e5; i++) value = [value]; return env.take(value)",
      env: { take: () => "taken" },
      platform,
    })
    assert.equal(await deep.run(), "taken")
    const many = await DynamicWorker.create({
      script: "return env.take(...Array.from({ length: 1e4 }, (_, i) => i))",
      env: { take: (...all: number[]) => all.length },
      platform,
    })
    assert.equal(await many.run(), 10_000)
  },
)

test("limits.bindingCalls ends the run, also when the calls are not awaited", async () => {
  let calls = 0
  const env = { hit: () => ++calls }
  const options = { env, platform, limits: { bindingCalls: 10 } }
  for (const script of [
    "for (;;) await env.hit()",
    "await Promise.all(Array.from({ length: 5000 }, () => env.hit()))",
    "for (;;) { try { await env.hit() } catch {} }",
  ]) {
    calls = 0
    const ended = await (await DynamicWorker.create({ ...options, script })).execute()
    assert.ok(!ended.ok)
    assert.deepEqual(
      [ended.error.code, ended.error.details["limit"], ended.error.details["used"], ended.usage.bindingCalls, calls],
      ["worker.binding-limit", "bindingCalls", 11, 10, 10],
    )
  }
  const enough = await DynamicWorker.create({
    ...options,
    script: "for (let i = 0; i < 10; i++) await env.hit(); return 'done'",
  })
  assert.equal(await enough.run(), "done")
  const none = await DynamicWorker.create({ ...options, limits: { bindingCalls: 0 }, script: "return env.hit()" })
  await assert.rejects(none.run(), { code: "worker.binding-limit" })
})

test("limits.bindingMs fails the call that takes longer, and the program may go on", async () => {
  const env = { never: () => new Promise(() => {}), soon: () => "soon" }
  const options = { env, platform, limits: { bindingMs: 50, wallMs: null } }
  const caught = await DynamicWorker.create({
    ...options,
    script: "const late = await env.never().catch((e) => [e.name, e.code]); return [late, await env.soon()]",
  })
  assert.deepEqual(await caught.run(), [["TimeoutError", "worker.binding-timeout"], "soon"])
  const uncaught = await DynamicWorker.create({ ...options, script: "return env.never()" })
  await assert.rejects(uncaught.run(), { code: "worker.binding-timeout" })
})

test("what a warm program keeps from an earlier run is expired in the next one, except env", async () => {
  const worker = await DynamicWorker.create({
    script: `import { env } from "cloudflare:workers"
      let first; const open = env.open
      export default async () => {
        const got = await open()
        if (first === undefined) { first = got; return [await got.increment(1)] }
        return [await got.increment(1), await first.increment(1).catch((e) => e.code)]
      }`,
    env: { open: () => new Counter() },
    platform,
  })
  assert.deepEqual(
    [await worker.run(undefined, { reuse: true }), await worker.run(undefined, { reuse: true })],
    [[1], [1, "worker.stub-expired"]],
  )
})

test(
  "streams that were read to their end, or cancelled, are let go of on both sides",
  { timeout: 120_000 },
  async () => {
    const bytes = (): ReadableStream<Uint8Array> =>
      new ReadableStream({
        start(controller) {
          controller.enqueue(new Uint8Array(1))
          controller.close()
        },
      })
    const read = async (stream: ReadableStream<Uint8Array>): Promise<number> =>
      (await new Response(stream).arrayBuffer()).byteLength
    // More than a run may hold at once.
    const script = `let sum = 0
    const one = () => new ReadableStream({ start(c) { c.enqueue(new Uint8Array(1)); c.close() } })
    for (let batch = 0; batch < 110; batch++)
      await Promise.all(Array.from({ length: 100 }, async () => {
        const got = (await new Response(await env.bytes()).arrayBuffer()).byteLength
        await (await env.bytes()).cancel()
        const given = await env.read(one())
        sum += got + given
      }))
    return sum`
    const worker = await DynamicWorker.create({
      script,
      env: { bytes, read },
      platform,
      limits: { cpuMs: null, wallMs: null },
    })
    assert.equal(await worker.run(), 22_000)
  },
)
