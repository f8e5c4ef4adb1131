// npm run bench -- mesh: what a decision, a request and a stream cost, beside undici without a mesh. See docs/reference/benchmarks.md.
import { fork } from "node:child_process"
import { once } from "node:events"
import { fileURLToPath } from "node:url"
import { canonicalTarget, createHttpEgress, decide, type HttpEgress, parsePolicy } from "@mayfly/mesh"
import type { EgressContext, NetworkPolicy } from "@mayfly/protocol"
import { Client } from "undici"
import { median, percentile } from "./measure/statistics.ts"

const quick = process.argv.includes("--quick")
const rounds = quick ? 3 : 7

measureDecision()
const child = fork(fileURLToPath(new URL("mesh/server.ts", import.meta.url)))
const [port] = (await once(child, "message")) as [number]
const origin = `http://127.0.0.1:${port}`
const egress = createHttpEgress({ maxConnections: 2_000 })
const client = new Client(origin)
try {
  await measureRequests()
  await measureThroughput()
  await measureStreams()
} finally {
  await Promise.all([egress.close(), client.destroy()])
  child.disconnect()
}

function contextFor(policy: NetworkPolicy): EgressContext {
  const { signal } = new AbortController()
  return {
    tenant: "bench",
    runId: "bench",
    policy,
    signal,
    maxResponseBytes: Number.MAX_SAFE_INTEGER,
    record: () => {},
    onHop: () => {},
  }
}

/** One decision among 1,000 rules, half of them wildcards. Single calls are timed in batches: a clock costs more than a decision. */
function measureDecision(): void {
  const rules = Array.from({ length: 1_000 }, (_, n) =>
    n % 2 === 0 ? `https://host-${n}.example.com` : `https://*.zone-${n}.example.net`,
  )
  const policy = parsePolicy({ allowedOrigins: rules, deniedOrigins: ["https://evil.example.com"] })
  const urls = {
    "exact rule": "https://host-500.example.com/v1/x",
    wildcard: "https://a.b.zone-501.example.net/v1/x",
    "no rule": "https://nobody.example.org/v1/x",
  }
  for (const [name, url] of Object.entries(urls)) {
    const parsed = canonicalTarget(url)
    if (!parsed.ok) throw new Error(url)
    const decision = timed(() => decide(policy, { method: "GET", target: parsed.target }))
    const both = timed(() => canonicalTarget(url))
    console.log(
      `decision, 1,000 rules, ${name}: p50 ${decision.p50} µs, p99 ${decision.p99} µs; reading the URL: p50 ${both.p50} µs`,
    )
  }
}

function timed(act: () => unknown): { readonly p50: string; readonly p99: string } {
  const batch = 100
  const times = Array.from({ length: quick ? 500 : 2_000 }, () => {
    const start = process.hrtime.bigint()
    for (let n = 0; n < batch; n++) act()
    return Number(process.hrtime.bigint() - start) / batch / 1_000
  }).slice(100)
  return { p50: median(times).toFixed(2), p99: percentile(times, 99).toFixed(2) }
}

async function drain(body: AsyncIterable<Uint8Array> | null): Promise<number> {
  let bytes = 0
  for await (const chunk of body ?? []) bytes += chunk.byteLength
  return bytes
}

async function direct(path: string): Promise<number> {
  const { body } = await client.request({ path, method: "GET" })
  return drain(body)
}

async function meshed(way: HttpEgress, path: string, context: EgressContext): Promise<number> {
  const request = { url: origin + path, method: "GET", headers: [], body: null, redirect: "follow" } as const
  return drain((await way.fetch(request, context)).body)
}

/** One small request after the other, both ways in turn, over kept connections. */
async function measureRequests(): Promise<void> {
  const context = contextFor(Object.freeze({ allowedOrigins: Object.freeze([origin]) }))
  const times: Record<"direct" | "mesh", number[]> = { direct: [], mesh: [] }
  const count = quick ? 300 : 2_000
  for (let n = 0; n < count; n++) {
    const start = performance.now()
    await direct("/small")
    const between = performance.now()
    await meshed(egress, "/small", context)
    times.direct.push(between - start)
    times.mesh.push(performance.now() - between)
  }
  const [one, other] = [median(times.direct.slice(50)), median(times.mesh.slice(50))]
  console.log(
    `small request: undici ${one.toFixed(3)} ms, through the mesh ${other.toFixed(3)} ms, overhead ${(other - one).toFixed(3)} ms (medians)`,
  )
}

async function measureThroughput(): Promise<void> {
  const context = contextFor({ allowedOrigins: [origin] })
  const mebibytes = quick ? 64 : 256
  const rates: Record<"direct" | "mesh", number[]> = { direct: [], mesh: [] }
  for (let round = 0; round < rounds; round++) {
    const start = performance.now()
    const one = await direct(`/large?${mebibytes}`)
    const between = performance.now()
    const other = await meshed(egress, `/large?${mebibytes}`, context)
    const end = performance.now()
    if (one !== other || one !== mebibytes << 20) throw new Error(`${one} and ${other} bytes arrived`)
    rates.direct.push(mebibytes / ((between - start) / 1_000))
    rates.mesh.push(mebibytes / ((end - between) / 1_000))
  }
  const [one, other] = [median(rates.direct), median(rates.mesh)]
  console.log(
    `streaming: undici ${one.toFixed(0)} MiB/s, through the mesh ${other.toFixed(0)} MiB/s, ${((other / one) * 100).toFixed(0)} % (medians)`,
  )
}

/** Answers that are open, of which one chunk was read each. */
async function measureStreams(): Promise<void> {
  const context = contextFor({ allowedOrigins: [origin] })
  const count = 1_000
  globalThis.gc?.()
  const before = process.memoryUsage()
  const request = { url: `${origin}/stream`, method: "GET", headers: [], body: null, redirect: "follow" } as const
  const readers = await Promise.all(
    Array.from({ length: count }, async () => {
      const reader = (await egress.fetch(request, context)).body?.getReader()
      await reader?.read()
      return reader
    }),
  )
  globalThis.gc?.()
  const after = process.memoryUsage()
  const kilobytes = (after.rss - before.rss) / count / 1_024
  console.log(
    `${count} open streams: ${kilobytes.toFixed(0)} KiB each (${((after.rss - before.rss) / 2 ** 20).toFixed(0)} MiB of RSS)`,
  )
  await Promise.all(readers.map(async (reader) => reader?.cancel()))
}
