import assert from "node:assert/strict"
import { randomUUID } from "node:crypto"
import { after, test } from "node:test"
import { connect, DynamicWorker } from "@mayfly/client"
import { cuttingProxy } from "./cutting-proxy.ts"
import { codeOf } from "./subject.ts"
import { startTestServer } from "./test-server.ts"

const server = await startTestServer()
after(() => server.stop())
const { url, key } = server
const direct = connect({ url, key })
after(() => direct.dispose())

/** None of the answer, its status line, its head and a bit of its body. */
const places = [0, 20, 400]

for (const place of places)
  test(`what a lost answer was about happened once, and is told again (cut after ${place} bytes)`, async () => {
    await using proxy = await cuttingProxy(url)
    const tenant = `t-${randomUUID()}`
    const platform = connect({ url: proxy.url, key, tenant })
    proxy.cutAfter(place, place)
    const run = await platform.run({ script: "return [Math.random(), 'x'.repeat(1000)]" })
    assert.equal(run.ok, true)
    const { runs } = await direct.runs.list({ tenant })
    assert.deepEqual(
      runs.map(({ id, status }) => [id, status]),
      [[run.id, "succeeded"]],
    )
    proxy.cutAfter(place)
    const instance = await platform.env.WORKFLOWS.create({ steps: [{ name: "wait", waitForEvent: "go" }] })
    const listed = await direct.workflows(tenant).list()
    assert.deepEqual(
      listed.workflows.map(({ id }) => id),
      [instance.id],
    )
    proxy.cutAfter(place)
    assert.deepEqual(await instance.sendEvent({ type: "go", payload: 1 }), { isDuplicate: false })
    assert.equal(((await instance.result()) as { payload: unknown }).payload, 1)
  })

test("an answer that takes longer than all pauses is waited for, and its work is done once", async () => {
  await using proxy = await cuttingProxy(url)
  const tenant = `t-${randomUUID()}`
  const platform = connect({ url: proxy.url, key, tenant, maxRetries: 1 })
  const run = platform.run({ script: "await new Promise((done) => setTimeout(done, 1500)); return 1" })
  while ((await direct.runs.list({ tenant, status: "running" })).runs.length === 0);
  proxy.cut()
  const ended = await run
  assert.equal(ended.ok && ended.result, 1)
  assert.equal((await direct.runs.list({ tenant })).runs.length, 1)
})

test("without retries a lost answer is said to be one", async () => {
  await using proxy = await cuttingProxy(url)
  const platform = connect({ url: proxy.url, key, maxRetries: 0 })
  for (const place of places) {
    proxy.cutAfter(place)
    assert.deepEqual(await codeOf(platform.run({ script: "return 'x'.repeat(1000)" })), { code: "client.unreachable" })
  }
})

test("a session that is cut ends its runs, and the next calls find functions again on a new one", async () => {
  await using proxy = await cuttingProxy(url)
  await using platform = connect({ url: proxy.url, key })
  let calls = 0
  const called = Promise.withResolvers<void>()
  await using worker = await DynamicWorker.create({
    script: "async (input, env) => input === 'wait' ? await env.wait() : await env.count(input)",
    env: {
      count: (by: number) => (calls += by),
      wait: () => {
        called.resolve()
        return new Promise(() => {})
      },
    },
    platform,
  })
  const pending = worker.execute("wait")
  const streamed = (async () => {
    for await (const _ of worker.stream("wait"));
  })()
  const ended = Promise.all([codeOf(pending), codeOf(streamed)])
  await called.promise
  proxy.cut()
  assert.deepEqual(await ended, [{ code: "client.disconnected" }, { code: "client.disconnected" }])
  const counted = await Promise.all([worker.run(1), worker.run(1), worker.run(1)])
  assert.deepEqual(new Set(counted), new Set([1, 2, 3]))
  proxy.cut()
  for (let left = 100; ; left--) {
    // The client learns of it in its own time: until then calls go on the connection that is gone.
    const again = await codeOf(worker.run(1))
    if (JSON.stringify(again) === '{"value":4}') break
    assert.deepEqual(again, { code: "client.disconnected" })
    assert.notEqual(left, 0)
  }
})

test("an event stream that is cut goes on behind what was told", async () => {
  await using proxy = await cuttingProxy(url)
  const platform = connect({ url: proxy.url, key })
  const steps = [
    { name: "a", code: "() => 1" },
    { name: "b", waitForEvent: "go" },
  ]
  const instance = await platform.env.WORKFLOWS.create({ steps })
  const seen: number[] = []
  for await (const { cursor, type, ...entry } of instance.subscribe()) {
    seen.push(cursor)
    const waits = type === "step" && (entry as { step: { name: string }; phase: string }).step.name === "b"
    if (!waits || seen.length > 10) continue
    proxy.cut()
    await instance.sendEvent({ type: "go", eventId: "once" }).catch(() => {})
  }
  assert.deepEqual(
    seen,
    (await instance.history()).map(({ cursor }) => cursor),
  )
})

test("whoever gives up on a server that says nothing is let go", async () => {
  await using proxy = await cuttingProxy(url)
  await using platform = connect({ url: proxy.url, key })
  const worker = await DynamicWorker.create({ script: "1", platform })
  proxy.freeze(true)
  const late = connect({ url: proxy.url, key })
  await assert.rejects(late.run({ script: "1" }, { signal: AbortSignal.timeout(50) }), { name: "TimeoutError" })
  const run = codeOf(worker.execute())
  proxy.freeze(false)
  proxy.cut()
  assert.deepEqual(await run, { code: "client.disconnected" })
  await late.dispose()
})

test("a run that is cancelled while its session opens has not begun", async () => {
  await using proxy = await cuttingProxy(url)
  await using platform = connect({ url: proxy.url, key })
  const worker = await DynamicWorker.create({ script: "1", platform })
  platform.session.interrupt()
  proxy.freeze(true)
  const run = worker.execute(undefined, { signal: AbortSignal.timeout(50) })
  assert.deepEqual(await codeOf(run), { code: "worker.aborted" })
  proxy.freeze(false)
  proxy.cut()
})
