import assert from "node:assert/strict"
import { createServer } from "node:http"
import type { AddressInfo } from "node:net"
import { after, test } from "node:test"
import { createPlatform, DynamicWorker } from "@mayfly/platform"
import { assertUsage, attack, codeOf, limitOf } from "./beside-neighbours.ts"

const platform = await createPlatform()
after(() => platform.dispose())

// A guest's flood may cost the supervisor what the limits allow to come in, not more.
const maxGrowthMb = 700
const timeout = 60_000

const run = (body: string): string => `export default async (input, env, ctx) => { ${body} }`

async function flood(script: string, options: { env?: Record<string, unknown>; limits?: object } = {}): Promise<Awaited<ReturnType<typeof attack>>["run"]> {
  const before = process.memoryUsage.rss()
  let late = 0
  let last = performance.now()
  const pulse = setInterval(() => {
    late = Math.max(late, performance.now() - last)
    last = performance.now()
  }, 20)
  const { run, peakMb } = await attack(script, { platform, ...options })
  clearInterval(pulse)
  const grownMb = (process.memoryUsage.rss() - before) / 1_048_576
  assertUsage(run)
  assert.ok(peakMb < 1_200, `a process had ${peakMb} MiB`)
  assert.ok(grownMb < maxGrowthMb, `the supervisor grew by ${grownMb} MiB`)
  assert.ok(late < 5_000, `the supervisor did not answer for ${late} ms`)
  return run
}

const logs: Record<string, readonly [script: string, codes: readonly string[]]> = {
  "short lines without end": [run("for (;;) console.log('x')"), ["worker.log-limit"]],
  "short lines over many turns": [run("for (;;) { console.log('x'.repeat(100)); await new Promise((d) => setTimeout(d, 0)) }"), ["worker.log-limit", "worker.cpu-limit", "worker.wall-limit"]],
  "short lines over many microtasks": [run("for (;;) { console.log('x'); await 0 }"), ["worker.log-limit"]],
  "a line of 100 MB": [run("console.log('x'.repeat(1e8)); return 1"), ["worker.log-limit", "worker.memory-limit", "ok"]],
  "lines of 1 MB": [run("const s = 'x'.repeat(1e6); for (;;) console.error(s)"), ["worker.log-limit"]],
  "a huge object": [run("console.log(Array.from({ length: 1e5 }, (_, i) => ({ i }))); return 1"), ["ok"]],
  "a deep object": [run("let o = {}; for (let i = 0; i < 1e6; i++) o = { o }; console.log(o); return 1"), ["ok", "worker.memory-limit"]],
  "a deep object without a depth limit": [run("let o = {}; for (let i = 0; i < 1e5; i++) o = { o }; console.dir(o, { depth: null }); return 1"), ["ok", "worker.memory-limit", "worker.guest", "worker.cpu-limit", "worker.log-limit"]],
  "a cyclic object": [run("const o = {}; o.o = o; console.log(o); return 1"), ["ok"]],
  "a table of 100,000 rows": [run("console.table(Array.from({ length: 1e5 }, (_, i) => ({ i, a: 'x'.repeat(10) }))); return 1"), ["ok", "worker.log-limit", "worker.cpu-limit", "worker.memory-limit"]],
  "empty lines without end": [run("for (;;) console.log('')"), ["worker.log-limit", "worker.cpu-limit", "worker.guest", "worker.memory-limit"]],
  "groups": [run("for (;;) console.group('x')"), ["worker.log-limit", "worker.memory-limit", "worker.cpu-limit"]],
  "counters and timers": [run("for (let i = 0; ; i++) { console.count('x' + i); console.time('y' + i) }"), ["worker.log-limit", "worker.memory-limit", "worker.cpu-limit"]],
  "traces": [run("for (;;) console.trace('x')"), ["worker.log-limit"]],
}
for (const [name, [script, codes]] of Object.entries(logs)) {
  test(`log flood: ${name}`, { timeout }, async () => {
    const flooded = await flood(script, { limits: { cpuMs: 2_000, wallMs: 6_000 } })
    assert.ok(codes.includes(codeOf(flooded)), `${codeOf(flooded)} ${flooded.ok ? "" : flooded.error.message}`)
    const kept = flooded.logs.reduce((sum, { message }) => sum + message.length, 0)
    assert.ok(kept <= 256 * 1_024 + 200, `${kept} bytes of logs were kept`)
    assert.ok(flooded.logs.length <= 300_000, `${flooded.logs.length} lines were kept`)
  })
}

test("100,000 unhandled rejections end with a code and bounded logs", { timeout }, async () => {
  for (const what of ["new Error('x'.repeat(100))", "{ a: 1 }", "'text'", "undefined", "Promise.reject()"]) {
    const flooded = await flood(run(`await 0; for (let i = 0; i < 1e5; i++) Promise.reject(${what}); await new Promise((d) => setTimeout(d, 5)); return 1`), { limits: { cpuMs: 2_000 } })
    assert.ok(["ok", "worker.log-limit", "worker.memory-limit", "worker.cpu-limit"].includes(codeOf(flooded)), `${what}: ${codeOf(flooded)} ${flooded.ok ? "" : flooded.error.message}`)
    assert.ok(flooded.logs.reduce((sum, { message }) => sum + message.length, 0) <= 256 * 1_024 + 200)
  }
})

test("an honest program may log 50,000 short lines in one turn", { timeout }, async () => {
  const flooded = await flood(run("for (let i = 0; i < 50000; i++) console.log(i % 10); return 1"))
  assert.deepStrictEqual({ code: codeOf(flooded), lines: flooded.logs.length }, { code: "ok", lines: 50_000 })
})

test("a rejection in each of many turns ends with a code and bounded logs", { timeout }, async () => {
  const script = run("const e = new Error('x'.repeat(10000)); for (let i = 0; i < 2000; i++) { Promise.reject(e); await new Promise((d) => setTimeout(d, 0)) } return 1")
  const flooded = await flood(script, { limits: { cpuMs: 2_000, wallMs: 8_000 } })
  assert.ok(["ok", "worker.log-limit", "worker.wall-limit", "worker.cpu-limit"].includes(codeOf(flooded)), codeOf(flooded))
  assert.ok(flooded.logs.reduce((sum, { message }) => sum + message.length, 0) <= 256 * 1_024 + 200)
})

const anyLimit = ["ok", "worker.guest", "worker.memory-limit", "worker.cpu-limit", "worker.wall-limit"]
const outboxes: Record<string, string> = {
  "10^6 timers": "for (let i = 0; i < 1e6; i++) setTimeout(() => {}, 1e6); return 1",
  "10^6 timers at once": "for (let i = 0; i < 1e6; i++) setTimeout(() => {}, 0); return new Promise(() => {})",
  "10^6 timers set and cleared": "for (let i = 0; i < 1e6; i++) clearTimeout(setTimeout(() => {}, 1e6)); return 1",
  "20,000 timers in falling order": "for (let i = 0; i < 19000; i++) setTimeout(() => {}, 1e6 - i); await new Promise((d) => setTimeout(d, 1)); return 1",
  "timers set and cleared over many turns": "for (let j = 0; j < 100; j++) { for (let i = 0; i < 9000; i++) clearTimeout(setTimeout(() => {}, 1e6 - i)); await new Promise((d) => setTimeout(d, 0)) } return 1",
  "intervals without delay": "for (let i = 0; i < 1e4; i++) setInterval(() => {}, 0); return new Promise(() => {})",
  "10^6 fetches": "for (let i = 0; i < 1e6; i++) fetch('http://127.0.0.1:1/').catch(() => {}); return 1",
  "10^6 awaited-together fetches": "await Promise.all(Array.from({ length: 1e6 }, () => fetch('http://127.0.0.1:1/').catch(() => {}))); return 1",
  "10^6 binding calls": "for (let i = 0; i < 1e6; i++) env.call(i).catch(() => {}); return 1",
  "10^6 binding calls, slowly answered": "await Promise.all(Array.from({ length: 1e6 }, () => env.never().catch(() => {}))); return 1",
  "binding calls over many turns": "for (let i = 0; ; i++) { for (let j = 0; j < 500; j++) env.call(j).catch(() => {}); await env.call(i) }",
  "10^6 imports": "for (let i = 0; i < 1e6; i++) import('./x' + i).catch(() => {}); return 1",
  "imports over many turns": "for (;;) { for (let j = 0; j < 500; j++) import('./x' + j).catch(() => {}); await import('./y').catch(() => {}) }",
  "imports of one module": "for (let i = 0; ; i++) { await import('./main.js') }",
  "10^6 digests": "for (let i = 0; i < 1e6; i++) crypto.subtle.digest('SHA-1', new Uint8Array(1)).catch(() => {}); return 1",
  "digests over many turns": "for (;;) await crypto.subtle.digest('SHA-1', new Uint8Array(1))",
  "big digests": "const b = new Uint8Array(2e7); for (;;) await crypto.subtle.digest('SHA-1', b)",
  "RSA keys": "for (;;) await crypto.subtle.generateKey({ name: 'RSA-OAEP', modulusLength: 4096, publicExponent: new Uint8Array([1, 0, 1]), hash: 'SHA-256' }, true, ['encrypt', 'decrypt'])",
  "random bytes": "for (;;) crypto.getRandomValues(new Uint8Array(65536))",
  "random ids": "for (;;) crypto.randomUUID()",
  "international domain names": "for (let i = 0; ; i++) new URL('http://\\u00e4' + i + '.de/')",
  "legacy text decoders": "const b = new Uint8Array(1e6).fill(0x81); for (;;) new TextDecoder('shift_jis').decode(b)",
  "abort signals": "for (let i = 0; i < 1e5; i++) AbortSignal.timeout(1e6 + i); return 1",
  "waitUntil": "for (let i = 0; i < 1e6; i++) ctx.waitUntil(Promise.resolve()); return 1",
  "messages to a closed stream": "const w = new WritableStream().getWriter(); for (let i = 0; i < 1e6; i++) w.write(i).catch(() => {}); return 1",
}
for (const [name, body] of Object.entries(outboxes)) {
  test(`flood of ${name} ends within its limits`, { timeout }, async () => {
    const env = { call: (value: unknown) => value, never: () => new Promise(() => {}) }
    const flooded = await flood(run(body), { env, limits: { cpuMs: 1_000, wallMs: 4_000 } })
    assert.ok(anyLimit.includes(codeOf(flooded)), `${codeOf(flooded)} ${flooded.ok ? "" : flooded.error.message}`)
  })
}

test("a flood of fetches to a real server makes no more than subRequests, concurrentRequests at once", { timeout }, async () => {
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
    const script = run("return (await Promise.allSettled(Array.from({ length: 5000 }, () => fetch(input).then((r) => r.text())))).filter((r) => r.status === 'fulfilled').length")
    const worker = await DynamicWorker.create({ script, platform, network: { allowedOrigins: [origin] } })
    const flooded = await worker.execute(origin)
    assert.equal(codeOf(flooded), "worker.subrequest-limit")
    assert.deepStrictEqual({ isWithin: most <= 6 && made <= 50, counted: flooded.usage.subRequests }, { isWithin: true, counted: 50 })
  } finally {
    server.close()
  }
})

test("binding arguments that are huge reach the binding whole or not at all", { timeout }, async () => {
  const sizes: number[] = []
  const env = { take: (text: string) => void sizes.push(text.length) }
  const flooded = await flood(run("for (const size of [1e6, 2e7, 2e8]) await env.take('x'.repeat(size)); return 1"), { env })
  assert.ok(["worker.guest", "worker.memory-limit"].includes(codeOf(flooded)), codeOf(flooded))
  assert.deepStrictEqual(sizes.slice(0, 2), [1e6, 2e7])
})

test("many large binding calls at once do not pile up in the supervisor", { timeout }, async () => {
  const env = { take: () => new Promise((done) => setTimeout(done, 200)) }
  const script = run("const s = 'x'.repeat(1e6); for (let i = 0; i < 500; i++) { env.take(s + i).catch(() => {}); if (i % 20 === 0) await new Promise((d) => setTimeout(d, 1)) } return 1")
  const flooded = await flood(script, { env, limits: { wallMs: 8_000 } })
  assert.ok(anyLimit.includes(codeOf(flooded)), codeOf(flooded))
})

test("a binding's huge answer does not hurt neighbours", { timeout }, async () => {
  const env = { give: () => "x".repeat(2e8) }
  const flooded = await flood(run("return (await env.give()).length"), { env })
  assert.ok(["worker.memory-limit", "worker.guest"].includes(codeOf(flooded)), `${codeOf(flooded)} ${flooded.ok ? "" : flooded.error.message}`)
})

const tooLarge = { code: "worker.output-limit", limit: "outputBytes", value: 33_554_432, isUsedBeyond: true }
const huge: Record<string, readonly [body: string, codes: readonly string[]]> = {
  "1 GB of one string": ["const s = 'x'.repeat(1e6); return Array.from({ length: 1000 }, () => s)", ["worker.output-limit"]],
  "a string of 500 MB": ["return 'x'.repeat(5e8)", ["worker.output-limit", "worker.memory-limit"]],
  "60 MB of bytes": ["return new Uint8Array(6e7)", ["worker.output-limit", "worker.memory-limit"]],
  "a view of a large buffer": ["return new Uint8Array(6e7).subarray(0, 10)", ["ok"]],
  "one string in a million places": ["const s = 'x'.repeat(100); return Array(1e6).fill(s)", ["worker.output-limit", "worker.memory-limit"]],
  "doubling shared arrays": ["let a = [1]; for (let i = 0; i < 40; i++) a = [a, a]; return a", ["ok", "worker.output-limit"]],
  "depth of 10^6": ["let o = []; for (let i = 0; i < 1e6; i++) o = [o]; return o", ["ok", "worker.output-limit", "worker.memory-limit"]],
  "a huge sparse array": ["const a = []; a[4294967294] = 1; return a", ["ok", "worker.output-limit"]],
  "an array of holes": ["return new Array(4294967295)", ["ok", "worker.output-limit"]],
  "millions of keys": ["const o = {}; for (let i = 0; i < 3e6; i++) o['k' + i] = i; return o", ["worker.output-limit", "worker.memory-limit"]],
  "a Map of millions": ["const m = new Map(); for (let i = 0; i < 1e6; i++) m.set(i, i); return m", ["ok", "worker.output-limit", "worker.memory-limit", "worker.cpu-limit"]],
  "a BigInt of a million digits": ["return 10n ** 1000000n", ["ok"]],
  // Reading a number is the supervisor's own CPU.
  "a BigInt of many digits": ["return 10n ** 20000000n", ["ok", "worker.output-limit", "worker.cpu-limit", "worker.memory-limit"]],
  "100,000 regular expressions": ["return Array.from({ length: 1e5 }, (_, i) => new RegExp('(a|b){1,50}' + i))", ["ok", "worker.output-limit", "worker.memory-limit"]],
  "a regular expression of 10 MB": ["return new RegExp('a'.repeat(1e7))", ["ok", "worker.output-limit", "worker.guest"]],
  "100,000 errors": ["return Array.from({ length: 1e5 }, () => new Error('x'))", ["ok", "worker.output-limit", "worker.memory-limit"]],
  "a proxy with endless keys": ["return new Proxy({}, { ownKeys: () => Array.from({ length: 1e6 }, (_, i) => 'k' + i), getOwnPropertyDescriptor: () => ({ value: 1, enumerable: true, configurable: true }), get: () => 'x'.repeat(1000) })", ["worker.output-limit", "worker.memory-limit", "worker.cpu-limit"]],
  "an object that grows while it is read": ["const o = {}; const more = () => ({ get a() { return more() } }); return more()", ["worker.output-limit", "worker.memory-limit", "worker.cpu-limit"]],
}
for (const [name, [body, codes]] of Object.entries(huge)) {
  test(`huge result: ${name}`, { timeout }, async () => {
    const flooded = await flood(run(body), { limits: { cpuMs: 4_000 } })
    assert.ok(codes.includes(codeOf(flooded)), `${codeOf(flooded)} ${flooded.ok ? "" : flooded.error.message}`)
    if (codeOf(flooded) === "worker.output-limit") assert.deepStrictEqual(limitOf(flooded), tooLarge)
  })
}

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
  const worker = await DynamicWorker.create({ script: run("const o = { a: [] }; o.a.push(o); o.self = o; return o"), platform })
  const result = (await worker.run()) as { a: unknown[]; self: unknown }
  assert.ok(result.a[0] === result && result.self === result)
})

test("a thrown error with a huge message, stack, cause and code is cut", { timeout }, async () => {
  const flooded = await flood(run("const e = new Error('x'.repeat(1e7)); e.stack = 'y'.repeat(1e7); e.code = 'z'.repeat(1e7); e.cause = new Error('c'.repeat(1e7)); throw e"))
  assert.equal(codeOf(flooded), "worker.guest")
  assert.ok(JSON.stringify(flooded.ok ? {} : flooded.error).length < 200_000)
})

test("2,000 runs of one tenant at once are all answered", { timeout }, async () => {
  const worker = await DynamicWorker.create({ script: "export default (input) => input", platform, tenant: "attacker" })
  const flooding = Array.from({ length: 2_000 }, (_, index) => worker.run(index))
  await attack("export default () => 1", { platform, neighbours: 4 })
  assert.deepStrictEqual(await Promise.all(flooding), Array.from({ length: 2_000 }, (_, index) => index))
})
