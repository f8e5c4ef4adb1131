import assert from "node:assert/strict"
import { after, test } from "node:test"
import { createPlatform, DynamicWorker } from "@mayfly/platform"

const platform = await createPlatform({ hosts: 1, spare: false })
after(() => platform.dispose())

const script = "let count = 0; export default (input, env) => ({ count: ++count, input, from: env?.name })"

test("a run has a fresh isolate, unless it asks for a warm one", async () => {
  const worker = await DynamicWorker.create({ script, platform })
  assert.deepEqual(
    [await worker.run(1), await worker.run(2)],
    [
      { count: 1, input: 1, from: undefined },
      { count: 1, input: 2, from: undefined },
    ],
  )
  const counts: unknown[] = []
  for (let turn = 0; turn < 3; turn++)
    counts.push(((await worker.run(turn, { reuse: true })) as { count: number }).count)
  assert.deepEqual(counts, [1, 2, 3])
})

test("warm isolates are never shared between workers or tenants", async () => {
  const make = (tenant: string): Promise<DynamicWorker> =>
    DynamicWorker.create({ script, platform, tenant, env: { name: tenant } })
  const [first, second] = [await make("a"), await make("b")]
  for (const worker of [first, second]) await worker.run(0, { reuse: true })
  assert.deepEqual(await first.run(0, { reuse: true }), { count: 2, input: 0, from: "a" })
  assert.deepEqual(await second.run(0, { reuse: true }), { count: 2, input: 0, from: "b" })
})

test("a warm isolate starts each run without the timers, calls and logs of the last", async () => {
  const worker = await DynamicWorker.create({
    script: `let late = 0; export default async (input, env) => { console.log("run " + input); setTimeout(() => late++, 5); env.never(); if (input === 1) await new Promise((d) => setTimeout(d, 20)); return late }`,
    env: { never: () => new Promise(() => {}) },
    platform,
  })
  assert.equal(await worker.run(0, { reuse: true }), 0)
  const run = await worker.execute(1, { reuse: true })
  assert.deepEqual([run.ok && run.result, run.logs.map(({ message }) => message)], [1, ["run 1"]])
})

test("a run that fails leaves nothing warm behind", async () => {
  const worker = await DynamicWorker.create({
    script: "let n = 0; export default (input) => { n++; if (input) throw new Error('x'); return n }",
    platform,
  })
  assert.equal(await worker.run(0, { reuse: true }), 1)
  await assert.rejects(worker.run(1, { reuse: true }), { code: "worker.guest" })
  assert.equal(await worker.run(0, { reuse: true }), 1)
})

test("limits hold in warm isolates, per run", async () => {
  const worker = await DynamicWorker.create({
    script: "export default (ms) => { const until = Date.now() + ms; while (Date.now() < until); return ms }",
    limits: { cpuMs: 150 },
    platform,
  })
  for (let turn = 0; turn < 4; turn++) assert.equal(await worker.run(60, { reuse: true }), 60)
  await assert.rejects(worker.run(10_000, { reuse: true }), { code: "worker.cpu-limit" })
  assert.equal(await worker.run(1, { reuse: true }), 1)
})

test("prewarm evaluates the program and calls nothing", async () => {
  let calls = 0
  const worker = await DynamicWorker.create({
    script: "let n = 0; export default (input, env) => { env.hit(); return ++n }",
    env: { hit: () => ++calls },
    platform,
  })
  await worker.prewarm(2)
  assert.equal(calls, 0)
  assert.deepEqual([await worker.run(0, { reuse: true }), calls], [1, 1])
  const broken = await DynamicWorker.create({ script: "throw new Error('at load')\nexport default 1", platform })
  await assert.rejects(broken.prewarm(1), { code: "worker.guest" })
  await assert.rejects(worker.prewarm(-1), { code: "input.invalid" })
})

test("worker.fetch can keep its isolate", async () => {
  const worker = await DynamicWorker.create({
    script: "let n = 0; export default { fetch: () => new Response(String(++n)) }",
    platform,
  })
  const texts: string[] = []
  for (let turn = 0; turn < 3; turn++) texts.push(await (await worker.fetch("https://a.b/", { reuse: true })).text())
  assert.deepEqual(texts, ["1", "2", "3"])
})
