import assert from "node:assert/strict"
import { createServer } from "node:http"
import type { AddressInfo } from "node:net"
import { after, test } from "node:test"
import { createPlatform, DynamicWorker } from "@mayfly/platform"
import { attack, codeOf } from "./beside-neighbours.ts"
import { anyLimit, flood, run, testFloods } from "./floods.ts"
import { sample } from "./sample.ts"

const platform = await createPlatform()
after(() => platform.dispose())

const timeout = 60_000

testFloods(platform, (items) => sample(items, 4))

test("100,000 unhandled rejections end with a code and bounded logs", { timeout }, async () => {
  for (const what of ["new Error('x'.repeat(100))", "{ a: 1 }", "'text'", "undefined", "Promise.reject()"]) {
    const flooded = await flood(
      platform,
      run(
        `await 0; for (let i = 0; i < 1e5; i++) Promise.reject(${what}); await new Promise((d) => setTimeout(d, 5)); return 1`,
      ),
      { limits: { cpuMs: 2_000 } },
    )
    assert.ok(
      ["ok", "worker.log-limit", "worker.memory-limit", "worker.cpu-limit"].includes(codeOf(flooded)),
      `${what}: ${codeOf(flooded)} ${flooded.ok ? "" : flooded.error.message}`,
    )
    assert.ok(flooded.logs.reduce((sum, { message }) => sum + message.length, 0) <= 256 * 1_024 + 200)
  }
})

test("an honest program may log 50,000 short lines in one turn", { timeout }, async () => {
  const flooded = await flood(platform, run("for (let i = 0; i < 50000; i++) console.log(i % 10); return 1"))
  assert.deepStrictEqual({ code: codeOf(flooded), lines: flooded.logs.length }, { code: "ok", lines: 50_000 })
})

test("a rejection in each of many turns ends with a code and bounded logs", { timeout }, async () => {
  const script = run(
    "const e = new Error('x'.repeat(10000)); for (let i = 0; i < 2000; i++) { Promise.reject(e); await new Promise((d) => setTimeout(d, 0)) } return 1",
  )
  const flooded = await flood(platform, script, { limits: { cpuMs: 2_000, wallMs: 8_000 } })
  assert.ok(
    ["ok", "worker.log-limit", "worker.wall-limit", "worker.cpu-limit"].includes(codeOf(flooded)),
    codeOf(flooded),
  )
  assert.ok(flooded.logs.reduce((sum, { message }) => sum + message.length, 0) <= 256 * 1_024 + 200)
})

test(
  "a flood of fetches to a real server makes no more than subRequests, concurrentRequests at once",
  { timeout },
  async () => {
    let made = 0
    let open = 0
    let most = 0
    const server = createServer((_request, response) => {
      made++
      most = Math.max(most, ++open)
      setTimeout(() => {
        open--
        response.end("x")
      }, 5)
    })
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
    const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
    try {
      const script = run(
        "return (await Promise.allSettled(Array.from({ length: 5000 }, () => fetch(input).then((r) => r.text())))).filter((r) => r.status === 'fulfilled').length",
      )
      const worker = await DynamicWorker.create({ script, platform, network: { allowedOrigins: [origin] } })
      const flooded = await worker.execute(origin)
      assert.equal(codeOf(flooded), "worker.subrequest-limit")
      assert.deepStrictEqual(
        { isWithin: most <= 6 && made <= 50, counted: flooded.usage.subRequests },
        { isWithin: true, counted: 50 },
      )
    } finally {
      server.close()
    }
  },
)

test("binding arguments that are huge reach the binding whole or not at all", { timeout }, async () => {
  const sizes: number[] = []
  const env = { take: (text: string) => void sizes.push(text.length) }
  const flooded = await flood(
    platform,
    run("for (const size of [1e6, 2e7, 2e8]) await env.take('x'.repeat(size)); return 1"),
    { env },
  )
  assert.ok(["worker.guest", "worker.memory-limit"].includes(codeOf(flooded)), codeOf(flooded))
  assert.deepStrictEqual(sizes.slice(0, 2), [1e6, 2e7])
})

test("many large binding calls at once do not pile up in the supervisor", { timeout }, async () => {
  const env = { take: () => new Promise((done) => setTimeout(done, 200)) }
  const script = run(
    "const s = 'x'.repeat(1e6); for (let i = 0; i < 500; i++) { env.take(s + i).catch(() => {}); if (i % 20 === 0) await new Promise((d) => setTimeout(d, 1)) } return 1",
  )
  const flooded = await flood(platform, script, { env, limits: { wallMs: 8_000 } })
  assert.ok(anyLimit.includes(codeOf(flooded)), codeOf(flooded))
})

test("a binding's huge answer does not hurt neighbours", { timeout }, async () => {
  const env = { give: () => "x".repeat(2e8) }
  const flooded = await flood(platform, run("return (await env.give()).length"), { env })
  assert.ok(
    ["worker.memory-limit", "worker.guest"].includes(codeOf(flooded)),
    `${codeOf(flooded)} ${flooded.ok ? "" : flooded.error.message}`,
  )
})

test("a BigInt holds the supervisor up for less than a second", { timeout }, async () => {
  const worker = await DynamicWorker.create({ script: run("return 10n ** 20000000n"), platform })
  let late = 0
  let last = performance.now()
  const look = (): void => {
    late = Math.max(late, performance.now() - last)
    last = performance.now()
  }
  const pulse = setInterval(look, 10)
  await worker.execute()
  look()
  clearInterval(pulse)
  assert.ok(late < 1_000, `the supervisor did not answer for ${late} ms`)
})

test("a cyclic result comes back as a cycle", { timeout }, async () => {
  const worker = await DynamicWorker.create({
    script: run("const o = { a: [] }; o.a.push(o); o.self = o; return o"),
    platform,
  })
  const result = (await worker.run()) as { a: unknown[]; self: unknown }
  assert.ok(result.a[0] === result && result.self === result)
})

test("a thrown error with a huge message, stack, cause and code is cut", { timeout }, async () => {
  const flooded = await flood(
    platform,
    run(
      "const e = new Error('x'.repeat(1e7)); e.stack = 'y'.repeat(1e7); e.code = 'z'.repeat(1e7); e.cause = new Error('c'.repeat(1e7)); throw e",
    ),
  )
  assert.equal(codeOf(flooded), "worker.guest")
  assert.ok(JSON.stringify(flooded.ok ? {} : flooded.error).length < 200_000)
})

test("2,000 runs of one tenant at once are all answered", { timeout }, async () => {
  const worker = await DynamicWorker.create({ script: "export default (input) => input", platform, tenant: "attacker" })
  const flooding = Array.from({ length: 2_000 }, (_, index) => worker.run(index))
  await attack("export default () => 1", { platform, neighbours: 4 })
  assert.deepStrictEqual(
    await Promise.all(flooding),
    Array.from({ length: 2_000 }, (_, index) => index),
  )
})
