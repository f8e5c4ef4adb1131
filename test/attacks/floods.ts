import assert from "node:assert/strict"
import { test } from "node:test"
import type { Platform, Run } from "@mayfly/platform"
import { assertUsage, attack, codeOf, limitOf } from "./beside-neighbours.ts"

// A guest's flood may cost the supervisor what the limits allow to come in, not more.
const maxGrowthMb = 700
const timeout = 60_000
export const run = (body: string): string => `export default async (input, env, ctx) => { ${body} }`

interface FloodOptions {
  readonly env?: Record<string, unknown>
  readonly limits?: object
}

/** Runs a flood beside neighbours; the supervisor must stay small and keep answering. */
export async function flood(platform: Platform, script: string, options: FloodOptions = {}): Promise<Run> {
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

/** Programs, and the codes with which they may end. */
export const logs: Record<string, readonly [script: string, codes: readonly string[]]> = {
  "short lines without end": [run("for (;;) console.log('x')"), ["worker.log-limit"]],
  "short lines over many turns": [
    run("for (;;) { console.log('x'.repeat(100)); await new Promise((d) => setTimeout(d, 0)) }"),
    ["worker.log-limit", "worker.cpu-limit", "worker.wall-limit"],
  ],
  "short lines over many microtasks": [run("for (;;) { console.log('x'); await 0 }"), ["worker.log-limit"]],
  "a line of 100 MB": [
    run("console.log('x'.repeat(1e8)); return 1"),
    ["worker.log-limit", "worker.memory-limit", "ok"],
  ],
  "lines of 1 MB": [run("const s = 'x'.repeat(1e6); for (;;) console.error(s)"), ["worker.log-limit"]],
  "a huge object": [run("console.log(Array.from({ length: 1e5 }, (_, i) => ({ i }))); return 1"), ["ok"]],
  "a deep object": [
    run("let o = {}; for (let i = 0; i < 1e6; i++) o = { o }; console.log(o); return 1"),
    ["ok", "worker.memory-limit"],
  ],
  "a deep object without a depth limit": [
    run("let o = {}; for (let i = 0; i < 1e5; i++) o = { o }; console.dir(o, { depth: null }); return 1"),
    ["ok", "worker.memory-limit", "worker.guest", "worker.cpu-limit", "worker.log-limit"],
  ],
  "a cyclic object": [run("const o = {}; o.o = o; console.log(o); return 1"), ["ok"]],
  "a table of 100,000 rows": [
    run("console.table(Array.from({ length: 1e5 }, (_, i) => ({ i, a: 'x'.repeat(10) }))); return 1"),
    ["ok", "worker.log-limit", "worker.cpu-limit", "worker.memory-limit"],
  ],
  "empty lines without end": [
    run("for (;;) console.log('')"),
    ["worker.log-limit", "worker.cpu-limit", "worker.guest", "worker.memory-limit"],
  ],
  groups: [run("for (;;) console.group('x')"), ["worker.log-limit", "worker.memory-limit", "worker.cpu-limit"]],
  "counters and timers": [
    run("for (let i = 0; ; i++) { console.count('x' + i); console.time('y' + i) }"),
    ["worker.log-limit", "worker.memory-limit", "worker.cpu-limit"],
  ],
  traces: [run("for (;;) console.trace('x')"), ["worker.log-limit"]],
}
export const anyLimit = [
  "ok",
  "worker.guest",
  "worker.memory-limit",
  "worker.cpu-limit",
  "worker.wall-limit",
  "worker.binding-limit",
]
export const outboxes: Record<string, string> = {
  "10^6 timers": "for (let i = 0; i < 1e6; i++) setTimeout(() => {}, 1e6); return 1",
  "10^6 timers at once": "for (let i = 0; i < 1e6; i++) setTimeout(() => {}, 0); return new Promise(() => {})",
  "10^6 timers set and cleared": "for (let i = 0; i < 1e6; i++) clearTimeout(setTimeout(() => {}, 1e6)); return 1",
  "20,000 timers in falling order":
    "for (let i = 0; i < 19000; i++) setTimeout(() => {}, 1e6 - i); await new Promise((d) => setTimeout(d, 1)); return 1",
  "timers set and cleared over many turns":
    "for (let j = 0; j < 100; j++) { for (let i = 0; i < 9000; i++) clearTimeout(setTimeout(() => {}, 1e6 - i)); await new Promise((d) => setTimeout(d, 0)) } return 1",
  "intervals without delay": "for (let i = 0; i < 1e4; i++) setInterval(() => {}, 0); return new Promise(() => {})",
  "10^6 fetches": "for (let i = 0; i < 1e6; i++) fetch('http://127.0.0.1:1/').catch(() => {}); return 1",
  "10^6 awaited-together fetches":
    "await Promise.all(Array.from({ length: 1e6 }, () => fetch('http://127.0.0.1:1/').catch(() => {}))); return 1",
  "10^6 binding calls": "for (let i = 0; i < 1e6; i++) env.call(i).catch(() => {}); return 1",
  "10^6 binding calls, slowly answered":
    "await Promise.all(Array.from({ length: 1e6 }, () => env.never().catch(() => {}))); return 1",
  "binding calls over many turns":
    "for (let i = 0; ; i++) { for (let j = 0; j < 500; j++) env.call(j).catch(() => {}); await env.call(i) }",
  "10^6 imports": "for (let i = 0; i < 1e6; i++) import('./x' + i).catch(() => {}); return 1",
  "imports over many turns":
    "for (;;) { for (let j = 0; j < 500; j++) import('./x' + j).catch(() => {}); await import('./y').catch(() => {}) }",
  "imports of one module": "for (let i = 0; ; i++) { await import('./main.js') }",
  "10^6 digests":
    "for (let i = 0; i < 1e6; i++) crypto.subtle.digest('SHA-1', new Uint8Array(1)).catch(() => {}); return 1",
  "digests over many turns": "for (;;) await crypto.subtle.digest('SHA-1', new Uint8Array(1))",
  "big digests": "const b = new Uint8Array(2e7); for (;;) await crypto.subtle.digest('SHA-1', b)",
  "RSA keys":
    "for (;;) await crypto.subtle.generateKey({ name: 'RSA-OAEP', modulusLength: 4096, publicExponent: new Uint8Array([1, 0, 1]), hash: 'SHA-256' }, true, ['encrypt', 'decrypt'])",
  "random bytes": "for (;;) crypto.getRandomValues(new Uint8Array(65536))",
  "random ids": "for (;;) crypto.randomUUID()",
  "international domain names": "for (let i = 0; ; i++) new URL('http://\\u00e4' + i + '.de/')",
  "legacy text decoders": "const b = new Uint8Array(1e6).fill(0x81); for (;;) new TextDecoder('shift_jis').decode(b)",
  "abort signals": "for (let i = 0; i < 1e5; i++) AbortSignal.timeout(1e6 + i); return 1",
  waitUntil: "for (let i = 0; i < 1e6; i++) ctx.waitUntil(Promise.resolve()); return 1",
  "messages to a closed stream":
    "const w = new WritableStream().getWriter(); for (let i = 0; i < 1e6; i++) w.write(i).catch(() => {}); return 1",
}
export const huge: Record<string, readonly [body: string, codes: readonly string[]]> = {
  "1 GB of one string": [
    "const s = 'x'.repeat(1e6); return Array.from({ length: 1000 }, () => s)",
    ["worker.output-limit"],
  ],
  "a string of 500 MB": ["return 'x'.repeat(5e8)", ["worker.output-limit", "worker.memory-limit"]],
  "60 MB of bytes": ["return new Uint8Array(6e7)", ["worker.output-limit", "worker.memory-limit"]],
  "a view of a large buffer": ["return new Uint8Array(6e7).subarray(0, 10)", ["ok"]],
  "one string in a million places": [
    "const s = 'x'.repeat(100); return Array(1e6).fill(s)",
    ["worker.output-limit", "worker.memory-limit"],
  ],
  "doubling shared arrays": [
    "let a = [1]; for (let i = 0; i < 40; i++) a = [a, a]; return a",
    ["ok", "worker.output-limit"],
  ],
  "depth of 10^6": [
    "let o = []; for (let i = 0; i < 1e6; i++) o = [o]; return o",
    ["ok", "worker.output-limit", "worker.memory-limit"],
  ],
  "a huge sparse array": ["const a = []; a[4294967294] = 1; return a", ["ok", "worker.output-limit"]],
  "an array of holes": ["return new Array(4294967295)", ["ok", "worker.output-limit"]],
  "millions of keys": [
    "const o = {}; for (let i = 0; i < 3e6; i++) o['k' + i] = i; return o",
    ["worker.output-limit", "worker.memory-limit"],
  ],
  "a Map of millions": [
    "const m = new Map(); for (let i = 0; i < 1e6; i++) m.set(i, i); return m",
    ["ok", "worker.output-limit", "worker.memory-limit", "worker.cpu-limit"],
  ],
  "a BigInt of a million digits": ["return 10n ** 1000000n", ["ok"]],
  // Reading a number is the supervisor's own CPU.
  "a BigInt of many digits": [
    "return 10n ** 20000000n",
    ["ok", "worker.output-limit", "worker.cpu-limit", "worker.memory-limit"],
  ],
  "100,000 regular expressions": [
    "return Array.from({ length: 1e5 }, (_, i) => new RegExp('(a|b){1,50}' + i))",
    ["ok", "worker.output-limit", "worker.memory-limit"],
  ],
  "a regular expression of 10 MB": [
    "return new RegExp('a'.repeat(1e7))",
    ["ok", "worker.output-limit", "worker.guest"],
  ],
  "100,000 errors": [
    "return Array.from({ length: 1e5 }, () => new Error('x'))",
    ["ok", "worker.output-limit", "worker.memory-limit"],
  ],
  "a proxy with endless keys": [
    "return new Proxy({}, { ownKeys: () => Array.from({ length: 1e6 }, (_, i) => 'k' + i), getOwnPropertyDescriptor: () => ({ value: 1, enumerable: true, configurable: true }), get: () => 'x'.repeat(1000) })",
    ["worker.output-limit", "worker.memory-limit", "worker.cpu-limit"],
  ],
  "an object that grows while it is read": [
    "const o = {}; const more = () => ({ get a() { return more() } }); return more()",
    ["worker.output-limit", "worker.memory-limit", "worker.cpu-limit"],
  ],
}
export const tooLarge = { code: "worker.output-limit", limit: "outputBytes", value: 33_554_432, isUsedBeyond: true }

/** Declares tests for the floods given. */
export function testFloods(platform: Platform, choose: <Item>(items: readonly Item[]) => readonly Item[]): void {
  for (const [name, [script, codes]] of choose(Object.entries(logs))) {
    test(`log flood: ${name}`, { timeout }, async () => {
      const flooded = await flood(platform, script, { limits: { cpuMs: 2_000, wallMs: 6_000 } })
      assert.ok(codes.includes(codeOf(flooded)), `${codeOf(flooded)} ${flooded.ok ? "" : flooded.error.message}`)
      const kept = flooded.logs.reduce((sum, { message }) => sum + message.length, 0)
      assert.ok(kept <= 256 * 1_024 + 200, `${kept} bytes of logs were kept`)
      assert.ok(flooded.logs.length <= 300_000, `${flooded.logs.length} lines were kept`)
    })
  }
  for (const [name, body] of choose(Object.entries(outboxes))) {
    test(`flood of ${name} ends within its limits`, { timeout }, async () => {
      const env = { call: (value: unknown) => value, never: () => new Promise(() => {}) }
      const flooded = await flood(platform, run(body), { env, limits: { cpuMs: 1_000, wallMs: 4_000 } })
      assert.ok(anyLimit.includes(codeOf(flooded)), `${codeOf(flooded)} ${flooded.ok ? "" : flooded.error.message}`)
    })
  }
  for (const [name, [body, codes]] of choose(Object.entries(huge))) {
    test(`huge result: ${name}`, { timeout }, async () => {
      const flooded = await flood(platform, run(body), { limits: { cpuMs: 4_000 } })
      assert.ok(codes.includes(codeOf(flooded)), `${codeOf(flooded)} ${flooded.ok ? "" : flooded.error.message}`)
      if (codeOf(flooded) === "worker.output-limit") assert.deepStrictEqual(limitOf(flooded), tooLarge)
    })
  }
}
