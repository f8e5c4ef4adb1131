import assert from "node:assert/strict"
import { createServer, type Server } from "node:http"
import type { AddressInfo } from "node:net"
import { after, test } from "node:test"
import { createPlatform, DynamicWorker, type DynamicWorkerOptions, type Run } from "@mayfly/platform"
import { defaultLimits, type MayflyError } from "@mayfly/protocol"

const platform = await createPlatform()
after(() => platform.dispose())

const create = (script: string, options: Partial<DynamicWorkerOptions> = {}): Promise<DynamicWorker> =>
  DynamicWorker.create({ script, platform, ...options })

function endOf(run: Run): { code: string; limit?: unknown; value?: unknown } {
  if (run.ok) return { code: "ok" }
  const { limit, value } = run.error.details
  return { code: run.error.code, limit, value }
}

test("the defaults are the documented ones", () => {
  assert.deepStrictEqual(defaultLimits, {
    cpuMs: 5_000,
    memoryMb: 128,
    wallMs: 30_000,
    subRequests: 50,
    outputBytes: 33_554_432,
    logBytes: 262_144,
    concurrentRequests: 6,
    bindingCalls: 100_000,
    bindingMs: 300_000,
  })
})

const spin = "export default (ms) => { const end = Date.now() + ms; while (Date.now() < end); return 'done' }"

test("cpuMs: a worker's limit, a run's own over it, and null", { timeout: 60_000 }, async () => {
  const worker = await create(spin, { limits: { cpuMs: 60 } })
  const [own, over, lifted, again] = [
    await worker.execute(2_000),
    await worker.execute(2_000, { limits: { cpuMs: 30 } }),
    await worker.execute(300, { limits: { cpuMs: null } }),
    await worker.execute(2_000),
  ]
  assert.deepStrictEqual([own, over, lifted, again].map(endOf), [
    { code: "worker.cpu-limit", limit: "cpuMs", value: 60 },
    { code: "worker.cpu-limit", limit: "cpuMs", value: 30 },
    { code: "ok" },
    { code: "worker.cpu-limit", limit: "cpuMs", value: 60 },
  ])
})

test("the default cpuMs ends an endless loop after five seconds of CPU", { timeout: 60_000 }, async () => {
  const run = await (await create("for(;;);")).execute()
  assert.deepStrictEqual(endOf(run), { code: "worker.cpu-limit", limit: "cpuMs", value: 5_000 })
  assert.ok(run.usage.cpuMs >= 5_000 && run.usage.cpuMs < 5_500, `${run.usage.cpuMs}`)
})

test("wallMs: a worker's limit, a run's own over it, and null", { timeout: 60_000 }, async () => {
  const worker = await create("export default (ms) => new Promise((done) => setTimeout(done, ms, 'done'))", {
    limits: { wallMs: 80 },
  })
  const runs = await Promise.all([
    worker.execute(5_000),
    worker.execute(5_000, { limits: { wallMs: 40 } }),
    worker.execute(200, { limits: { wallMs: null } }),
    worker.execute(1),
  ])
  assert.deepStrictEqual(runs.map(endOf), [
    { code: "worker.wall-limit", limit: "wallMs", value: 80 },
    { code: "worker.wall-limit", limit: "wallMs", value: 40 },
    { code: "ok" },
    { code: "ok" },
  ])
  for (const [at, least] of [80, 40].entries()) {
    const { usage } = runs[at] ?? assert.fail("it is missing")
    assert.ok(usage.wallMs >= least && usage.cpuMs < 39, JSON.stringify(usage))
  }
})

test("wallMs starts when the run gets its isolate: queueing is queueMs", { timeout: 60_000 }, async () => {
  const worker = await create("export default () => new Promise((done) => setTimeout(done, 30, 'done'))", {
    limits: { wallMs: 10_000 },
  })
  const runs = await Promise.all(Array.from({ length: 300 }, () => worker.execute()))
  assert.ok(runs.every(({ ok }) => ok))
  assert.ok(runs.every(({ usage }) => usage.wallMs >= 25 && usage.queueMs >= 0))
  assert.ok(Math.max(...runs.map(({ usage }) => usage.queueMs)) > 0)
})

test("memoryMb: a run's own over the worker's", { timeout: 60_000 }, async () => {
  const worker = await create(
    "export default (mb) => { const all = []; for (let i = 0; i < mb; i++) all.push(new Uint8Array(1048576).fill(1)); return all.length }",
    { limits: { memoryMb: 32 } },
  )
  const runs = [
    await worker.execute(16),
    await worker.execute(100),
    await worker.execute(100, { limits: { memoryMb: 256 } }),
  ]
  assert.deepStrictEqual(runs.map(endOf), [
    { code: "ok" },
    { code: "worker.memory-limit", limit: "memoryMb", value: 32 },
    { code: "ok" },
  ])
})

test("cpuMs counts the run's own CPU: waiting uses nearly none", { timeout: 60_000 }, async () => {
  const run = await (await create("export default () => new Promise((done) => setTimeout(done, 300))")).execute()
  assert.ok(run.usage.cpuMs < 30 && run.usage.wallMs >= 299, JSON.stringify(run.usage))
})

test(
  "cpuMs counts the run's own CPU: right under contention with four busy neighbours",
  { timeout: 60_000 },
  async () => {
    const work = "export default (n) => { let x = 0; for (let i = 0; i < n; i++) x = (x * 31 + i) % 1000003; return x }"
    const worker = await create(work, { limits: { cpuMs: null } })
    const rounds = 40_000_000
    await worker.run(1_000)
    const alone = Math.min(
      ...[await worker.execute(rounds), await worker.execute(rounds)].map(({ usage }) => usage.cpuMs),
    )
    const busy = await create("for(;;);", { tenant: "busy", limits: { cpuMs: 60_000, wallMs: 60_000 } })
    const stop = new AbortController()
    const neighbours = Array.from({ length: 4 }, () => busy.execute(undefined, { signal: stop.signal }))
    const crowded = (await worker.execute(rounds)).usage.cpuMs
    stop.abort()
    await Promise.all(neighbours)
    assert.ok(Math.abs(crowded - alone) <= alone * 0.25, `${alone} ms alone, ${crowded} ms beside four busy runs`)
  },
)

test("CPU of all turns counts together", { timeout: 60_000 }, async () => {
  const script =
    "export default async () => { for (let i = 0; i < 100; i++) { const end = Date.now() + 10; while (Date.now() < end); await new Promise((done) => setTimeout(done, 1)) } }"
  const run = await (await create(script, { limits: { cpuMs: 100 } })).execute()
  assert.deepStrictEqual(endOf(run), { code: "worker.cpu-limit", limit: "cpuMs", value: 100 })
})

async function withServer<T>(
  answer: (server: Server, origin: string, seen: { made: number; most: number }) => Promise<T>,
): Promise<T> {
  const seen = { made: 0, most: 0 }
  let open = 0
  const server = createServer((request, response) => {
    seen.made++
    seen.most = Math.max(seen.most, ++open)
    setTimeout(() => {
      open--
      if (request.url?.startsWith("/hop") === true) {
        const left = Number(request.url.slice(4))
        response.writeHead(302, { location: left > 1 ? `/hop${left - 1}` : "/" }).end()
      } else response.end("answer")
    }, 10)
  })
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
  try {
    return await answer(server, `http://127.0.0.1:${(server.address() as AddressInfo).port}`, seen)
  } finally {
    server.close()
    server.closeAllConnections()
  }
}

test(
  "subRequests: the exact number is fine, one more ends with the code, redirects count",
  { timeout: 60_000 },
  async () => {
    await withServer(async (_server, origin, seen) => {
      const script =
        "export default async ({ url, count }) => { for (let i = 0; i < count; i++) await (await fetch(url)).text(); return count }"
      const worker = await create(script, { network: { allowedOrigins: [origin] }, limits: { subRequests: 5 } })
      const five = await worker.execute({ url: origin, count: 5 })
      const six = await worker.execute({ url: origin, count: 6 })
      const more = await worker.execute({ url: origin, count: 6 }, { limits: { subRequests: 6 } })
      const none = await worker.execute({ url: origin, count: 1 }, { limits: { subRequests: 0 } })
      assert.deepStrictEqual(
        [five, six, more, none].map(({ ok, usage }) => [ok, usage.subRequests]),
        [
          [true, 5],
          [false, 5],
          [true, 6],
          [false, 0],
        ],
      )
      for (const run of [six, none]) {
        const code = run.ok ? "ok" : run.error.code === "worker.guest" ? run.error.details["code"] : run.error.code
        assert.equal(code, "worker.subrequest-limit")
      }
      assert.equal(seen.made, 16)
      const hops = await worker.execute({ url: `${origin}/hop3`, count: 1 }, { limits: { subRequests: 4 } })
      assert.deepStrictEqual([hops.ok, hops.usage.subRequests], [true, 4])
      assert.equal(
        (await worker.execute({ url: `${origin}/hop3`, count: 1 }, { limits: { subRequests: 3 } })).ok,
        false,
      )
    })
  },
)

test("concurrentRequests: more than that wait", { timeout: 60_000 }, async () => {
  await withServer(async (_server, origin, seen) => {
    const script =
      "export default async (url) => (await Promise.all(Array.from({ length: 20 }, async () => (await fetch(url)).text()))).length"
    const worker = await create(script, { network: { allowedOrigins: [origin] } })
    assert.equal(await worker.run(origin), 20)
    assert.equal(seen.most, 6)
    seen.most = 0
    assert.equal(await worker.run(origin, { limits: { concurrentRequests: 2 } }), 20)
    assert.equal(seen.most, 2)
  })
})

test("outputBytes: the exact size is fine, one byte more is not", { timeout: 60_000 }, async () => {
  const worker = await create("export default (length) => 'x'.repeat(length)", { limits: { outputBytes: 1_000 } })
  const sizes = await Promise.all([998, 999].map((length) => worker.execute(length)))
  assert.deepStrictEqual(sizes.map(endOf), [
    { code: "ok" },
    { code: "worker.output-limit", limit: "outputBytes", value: 1_000 },
  ])
  assert.deepStrictEqual(sizes[0]?.usage.bytesOut, 1_000)
  assert.equal((await worker.execute(5_000, { limits: { outputBytes: 5_002 } })).ok, true)
})

test("outputBytes counts bytes, not characters", { timeout: 60_000 }, async () => {
  const wide = await create("export default (length) => '\\u20ac'.repeat(length)", { limits: { outputBytes: 1_000 } })
  assert.deepStrictEqual(endOf(await wide.execute(500)), {
    code: "worker.output-limit",
    limit: "outputBytes",
    value: 1_000,
  })
})

test("outputBytes at its default: 31 MiB come back whole, 33 MiB do not", { timeout: 60_000 }, async () => {
  const worker = await create("export default (mb) => 'x'.repeat(mb * 1048576)")
  assert.equal(((await worker.run(31)) as string).length, 31 << 20)
  assert.deepStrictEqual(endOf(await worker.execute(33)), {
    code: "worker.output-limit",
    limit: "outputBytes",
    value: 33_554_432,
  })
})

test(
  "logBytes: the exact size is whole; beyond it logs are cut with a marker and logsTruncated",
  { timeout: 60_000 },
  async () => {
    const worker = await create(
      "export default (lengths) => { for (const length of lengths) console.log('x'.repeat(length)); return 1 }",
      { limits: { logBytes: 100 } },
    )
    const whole = await worker.execute([60, 40])
    assert.deepStrictEqual(
      [whole.ok, whole.logs.map(({ message }) => message.length), whole.logsTruncated, whole.usage.logBytes],
      [true, [60, 40], undefined, 100],
    )
    const cut = await worker.execute([60, 41, 5])
    assert.deepStrictEqual(
      [cut.ok, cut.logsTruncated, cut.logs.map(({ message }) => message)],
      [true, true, ["x".repeat(60), "x".repeat(40), "[logs were cut here: limits.logBytes is 100]"]],
    )
  },
)

test("logBytes of 0 keeps no logs and ends no run for a line", { timeout: 60_000 }, async () => {
  const worker = await create("export default () => { console.log('x'); return 1 }")
  const none = await worker.execute([1], { limits: { logBytes: 0 } })
  assert.deepStrictEqual([none.ok, none.logsTruncated, none.logs.length], [true, true, 1])
})

test("logBytes: 16 times as much still runs, more ends with worker.log-limit", { timeout: 60_000 }, async () => {
  const worker = await create(
    "export default (count) => { for (let i = 0; i < count; i++) console.log('x'.repeat(100)); return new Promise((done) => setTimeout(done, 20, 1)) }",
    { limits: { logBytes: 1_000 } },
  )
  assert.deepStrictEqual(
    [endOf(await worker.execute(160)), endOf(await worker.execute(161))],
    [{ code: "ok" }, { code: "worker.log-limit", limit: "logBytes", value: 1_000 }],
  )
})

test("log lines keep their order and level, live or batched", { timeout: 60_000 }, async () => {
  const script =
    "export default async () => { for (let i = 0; i < 300; i++) { console[['log', 'info', 'warn', 'error', 'debug'][i % 5]](i); if (i % 70 === 0) await null; if (i % 100 === 0) await new Promise((d) => setTimeout(d, 1)) } }"
  const run = await (await create(script)).execute()
  assert.deepStrictEqual(
    run.logs.map(({ level, message }) => `${level} ${message}`),
    Array.from({ length: 300 }, (_, i) => `${["log", "info", "warn", "error", "debug"][i % 5] ?? ""} ${i}`),
  )
})

test("failed runs tell their usage", { timeout: 60_000 }, async () => {
  const script =
    "export default async (input, env) => { await env.call('x'.repeat(100)); console.log('said'); for (let i = 0; i < 5e7; i++); throw new Error('x') }"
  const run = await (await create(script, { env: { call: () => "y".repeat(200) } })).execute("z".repeat(300))
  const { cpuMs, wallMs, bytesIn, bytesOut, bindingCalls, logBytes, subRequests, peakMemoryBytes } = run.usage
  assert.deepStrictEqual([run.ok, bindingCalls, logBytes, subRequests], [false, 1, 4, 0])
  assert.ok(
    cpuMs >= 8 &&
      wallMs >= cpuMs / 2 &&
      bytesIn >= 500 &&
      bytesIn < 600 &&
      bytesOut >= 100 &&
      bytesOut < 200 &&
      peakMemoryBytes > 0,
    JSON.stringify(run.usage),
  )
})

test(
  "a tenant's queue has a bound: worker.queue-full with a hint, and other tenants go on",
  { timeout: 60_000 },
  async () => {
    const worker = await create("export default (x) => x", { tenant: "flood" })
    const other = await create("export default (x) => x", { tenant: "other" })
    const stop = new AbortController()
    const runs = Array.from({ length: 11_000 }, (_, index) =>
      worker.execute(index, { signal: stop.signal }).then(endOf, (error: MayflyError) => error),
    )
    assert.equal(await other.run("through"), "through")
    stop.abort()
    const refused = (await Promise.all(runs)).filter((end) => end instanceof Error) as MayflyError[]
    assert.ok(refused.length > 0 && refused.length <= 1_000, `${refused.length}`)
    assert.deepStrictEqual(
      [refused[0]?.code, refused[0]?.retry, typeof refused[0]?.details["retryAfterMs"]],
      ["worker.queue-full", true, "number"],
    )
  },
)
