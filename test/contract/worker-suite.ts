import assert from "node:assert/strict"
import { test } from "node:test"
import { codeOf, type Subject } from "./subject.ts"

class Counter {
  #count = 0
  add(by: number): number {
    return (this.#count += by)
  }
}

/** Dynamic workers. */
export function workerSuite(subject: () => Subject): void {
  test("values of every kind come back as they went", async () => {
    await using worker = await subject().createWorker({ script: "(input) => input" })
    const shared = { a: 1 }
    const value = {
      text: "ä\u0000😀",
      numbers: [0, -0, NaN, Infinity, -Infinity, 1.5],
      big: 2n ** 70n,
      date: new Date(0),
      map: new Map<unknown, unknown>([["a", new Set([1])]]),
      bytes: new Uint8Array([0, 255]),
      pattern: /a+/gi,
      nothing: null,
      missing: undefined,
      twice: [shared, shared],
    }
    assert.deepEqual(await worker.run(value), value)
    assert.equal(await worker.run(), undefined)
  })

  test("a run has a result or an error, logs and usage", async () => {
    const script =
      "(input) => { console.warn('hello', input.a); if (input.a === 2) throw new RangeError('no'); return input.a }"
    await using worker = await subject().createWorker({ script })
    assert.match(worker.hash, /^[0-9a-f]{64}$/)
    const good = await worker.execute({ a: 1 })
    assert.match(good.id, /^run_/)
    assert.deepEqual(
      [good.ok, good.ok && good.result, good.logs[0]?.level, good.logs[0]?.message],
      [true, 1, "warn", "hello 1"],
    )
    assert.equal(typeof good.usage.cpuMs, "number")
    const bad = await worker.execute({ a: 2 })
    const { code, details, name } = bad.ok ? assert.fail("it did not fail") : bad.error
    assert.deepEqual([bad.ok, code, name], [false, "worker.guest", "MayflyError"])
    assert.deepEqual([details["name"], details["message"]], ["RangeError", "no"])
    assert.deepEqual(await codeOf(worker.run({ a: 2 })), { code: "worker.guest" })
  })

  test("env holds data, functions, objects of functions and class instances", async () => {
    const db = {
      table: "users",
      find(id: number): string {
        return `${this.table}/${id}`
      },
    }
    await using worker = await subject().createWorker({
      script: `async (input, env) => [env.rate, await env.double(21), await env.db.find(7), await env.counter.add(2), await env.counter.add(3),
        await env.later(async (x) => x + 1), await (await env.maker(5))(6), await env.fail().catch((e) => [e.name, e.message])]`,
      env: {
        rate: 0.5,
        double: (x: number) => x * 2,
        db,
        counter: new Counter(),
        later: async (call: (x: number) => Promise<number>) => (await call(1)) * 10,
        maker: (x: number) => (y: number) => x * y,
        fail: () => Promise.reject(new TypeError("not this time")),
      },
    })
    const expected = [0.5, 42, "users/7", 2, 5, 20, 30, ["TypeError", "not this time"]]
    assert.deepEqual(await worker.run(), expected)
  })

  test("streams cross through functions in both directions", async () => {
    const text = async (stream: ReadableStream<Uint8Array>): Promise<string> => new Response(stream).text()
    await using worker = await subject().createWorker({
      script: `async (input, env) => {
        const up = new Response("from the program").body
        return [await env.read(up), await new Response(await env.give()).text()] }`,
      env: { read: text, give: () => new Response("from the parent").body },
    })
    assert.deepEqual(await worker.run(), ["from the program", "from the parent"])
  })

  test("stream gives logs and yielded values in order, and is never ahead of its reader", async () => {
    const script =
      "async function* (n) { for (let i = 0; i < n; i++) { console.log('made', i); yield i } return 'end' }"
    await using worker = await subject().createWorker({ script })
    const seen: unknown[] = []
    for await (const event of worker.stream(3)) {
      if (event.type === "log") seen.push(event.message)
      if (event.type === "value") seen.push(event.value)
      if (event.type === "result") seen.push(event.result)
    }
    assert.deepEqual(seen, ["made 0", 0, "made 1", 1, "made 2", 2, "end"])
  })

  test("leaving a stream runs the program's finally, and cancels it", async () => {
    const left = Promise.withResolvers<string>()
    await using worker = await subject().createWorker({
      script:
        "export default async function* (input, env) { try { for (;;) yield 1 } finally { await env.left('left') } }",
      env: { left: (text: string) => left.resolve(text) },
    })
    for await (const event of worker.stream()) if (event.type === "value") break
    assert.equal(await left.promise, "left")
  })

  test("a signal cancels a run", async () => {
    const began = Promise.withResolvers<void>()
    await using worker = await subject().createWorker({
      script: "async (input, env) => { await env.began(); await new Promise((done) => setTimeout(done, 25_000)) }",
      env: { began: () => began.resolve() },
    })
    const abort = new AbortController()
    const run = worker.execute(undefined, { signal: abort.signal })
    await began.promise
    abort.abort()
    const ended = await run
    assert.equal(ended.ok || ended.error.code, "worker.aborted")
    const never = await worker.execute(undefined, { signal: AbortSignal.abort() })
    assert.equal(never.ok || never.error.code, "worker.aborted")
  })

  test("a fetch handler gets requests and gives responses, their bodies as streams", async () => {
    const script = `export default { async fetch(request, env) {
      const { pathname } = new URL(request.url)
      const body = new ReadableStream({ async start(c) { for (const word of ["a", "b"]) c.enqueue(new TextEncoder().encode(word)); c.close() } })
      if (pathname === "/echo") return new Response(request.body, { status: 201, headers: { "x-method": request.method } })
      return new Response(body) } }`
    await using worker = await subject().createWorker({ script })
    const echo = await worker.fetch("https://a.example/echo", { method: "POST", body: "hello" })
    assert.deepEqual([echo.status, echo.headers.get("x-method"), await echo.text()], [201, "POST", "hello"])
    assert.equal(await (await worker.fetch(new Request("https://a.example/"))).text(), "ab")
  })

  test("what is wrong is said with the same codes", async () => {
    const create = (options: Record<string, unknown>): Promise<unknown> => codeOf(subject().createWorker(options))
    assert.deepEqual(await create({ script: "const x =" }), { code: "worker.syntax" })
    assert.deepEqual(await create({ script: "1", timeout: 3 }), { code: "input.invalid", path: "timeout" })
    assert.deepEqual(await create({}), { code: "input.invalid", path: "script" })
    assert.deepEqual(await create({ script: "1", env: { a: Symbol("a") } }), {
      code: "worker.not-serializable",
      path: "env.a",
    })
    await using worker = await subject().createWorker({ script: "(input) => input", limits: { wallMs: 10_000 } })
    assert.deepEqual(await codeOf(worker.run(1, { limits: { cpuMs: -1 } })), {
      code: "input.invalid",
      path: "limits.cpuMs",
    })
    await worker.dispose()
    await worker.dispose()
    assert.deepEqual(await codeOf(worker.run(1)), { code: "worker.disposed" })
  })

  test("a worker that is disposed finishes what is under way", async () => {
    const called = Promise.withResolvers<void>()
    const answer = Promise.withResolvers<number>()
    const wait = (): Promise<number> => {
      called.resolve()
      return answer.promise
    }
    const worker = await subject().createWorker({ script: "async (input, env) => await env.wait()", env: { wait } })
    const run = worker.run()
    await called.promise
    await worker.dispose()
    assert.deepEqual(await codeOf(worker.run()), { code: "worker.disposed" })
    answer.resolve(5)
    assert.equal(await run, 5)
  })

  test("a handler's whole answer is the result of a run, and its events", async () => {
    const script =
      "export default { fetch: async (request) => { console.log('asked'); return new Response(await request.text(), { status: 201 }) } }"
    await using worker = await subject().createWorker({ script })
    const ask = (): Request => new Request("https://a.example/", { method: "POST", body: "hello" })
    const run = await worker.executeRequest(ask())
    const { status, body } = (run.ok ? run.result : {}) as { status: number; body: unknown }
    assert.deepEqual([status, body], [201, "hello"])
    const types: string[] = []
    for await (const event of worker.streamRequest(ask())) types.push(event.type)
    assert.deepEqual(types, ["log", "result"])
    const plain = await worker.executeRequest("https://a.example/")
    assert.equal(plain.ok && (plain.result as { status: number }).status, 201)
  })

  test("warm runs share module state, fresh ones do not", async () => {
    const script = "let count = 0\nexport default () => ++count"
    await using worker = await subject().createWorker({ script })
    await worker.prewarm(1)
    const warm = [await worker.run(0, { reuse: true }), await worker.run(0, { reuse: true })]
    assert.deepEqual([warm, await worker.run(), await worker.run()], [[1, 2], 1, 1])
  })
}
