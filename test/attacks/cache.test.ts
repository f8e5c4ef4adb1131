// The Cache API as a way to fill the supervisor's memory, to reach other workers' responses, or to push them out.
import assert from "node:assert/strict"
import { after, test } from "node:test"
import { createPlatform } from "@mayfly/platform"
import { attack, codeOf } from "./beside-neighbours.ts"

const platform = await createPlatform({ hosts: 1, spare: false })
after(() => platform.dispose())

const limits = { subRequests: 100_000, cpuMs: 30_000, memoryMb: 256 }
const mebibyte = 1 << 20

test("a worker keeps at most 16 MiB, whatever it puts", async () => {
  const before = platform.runtime.cacheBudget.bytes
  const { run } = await attack(
    `export default async () => {
      const bytes = new Uint8Array(1 << 20)
      for (let n = 0; n < 18; n++) await caches.default.put("https://a.b/" + n, new Response(bytes))
      return [await caches.default.match("https://a.b/0") === undefined, (await caches.default.match("https://a.b/17")).status] }`,
    { platform, limits },
  )
  assert.deepEqual(run.ok && run.result, [true, 200])
  assert.ok(platform.runtime.cacheBudget.bytes - before <= 16 * mebibyte)
})

test("small entries, names and variants without end are bounded too", async () => {
  const before = platform.runtime.cacheBudget.bytes
  const { run } = await attack(
    `export default async () => {
      for (let n = 0; n < 1_100; n++) await (await caches.open("n" + n)).put("https://a.b/", new Response("x"))
      for (let n = 0; n < 100; n++) await caches.default.put(new Request("https://a.b/", { headers: { v: "" + n } }), new Response("x", { headers: { vary: "v" } }))
      return true }`,
    { platform, limits },
  )
  assert.equal(run.ok && run.result, true)
  assert.ok(platform.runtime.cacheBudget.bytes - before < 2 * mebibyte)
})

test("a response that is too large, or never ends, is refused with a coded error", async () => {
  const { run, peakMb } = await attack(
    `export default async () => {
      const code = (error) => error.code
      const large = await caches.default.put("https://a.b/", new Response(new Uint8Array(9 << 20))).catch(code)
      let cancelled = false
      const endless = new ReadableStream({ pull(c) { c.enqueue(new Uint8Array(1 << 18)) }, cancel() { cancelled = true } })
      const long = await caches.default.put("https://a.b/", new Response(endless)).catch(code)
      const headers = await caches.default.put("https://a.b/", new Response("x", { headers: { a: "x".repeat(70_000) } })).catch(code)
      const name = await (await caches.open("x".repeat(2_000))).match("https://a.b/").catch(code)
      const url = await caches.default.match("https://a.b/" + "x".repeat(20_000)).catch(code)
      return [large, long, headers, name, url] }`,
    { platform, limits },
  )
  assert.deepEqual(run.ok && run.result, [
    "worker.cache-limit",
    "worker.cache-limit",
    "input.invalid",
    "input.invalid",
    "input.invalid",
  ])
  assert.ok(peakMb < 500, `${peakMb} MiB`)
})

test("many slow puts at once hold no more than 16 MiB", async () => {
  const { run } = await attack(
    `export default async () => {
      const slow = () => { let n = 0; return new Response(new ReadableStream({ async pull(c) { if (n++ === 7) { await new Promise((d) => setTimeout(d, 200)); return c.close() } c.enqueue(new Uint8Array(1 << 20)) } })) }
      const results = await Promise.allSettled(Array.from({ length: 8 }, (_, n) => caches.default.put("https://a.b/" + n, slow())))
      return results.filter(({ reason }) => reason?.code === "worker.cache-limit").length }`,
    { platform, limits },
  )
  assert.ok(Number(run.ok && run.result) >= 5)
})

test("calls end with limits.subRequests", async () => {
  const { run } = await attack(
    `export default async () => { for (;;) await caches.default.match("https://a.b/").catch(() => {}) }`,
    {
      platform,
    },
  )
  assert.equal(codeOf(run), "worker.subrequest-limit")
})

test("a forged call reaches no other object of the supervisor", async () => {
  const { run } = await attack(
    `export default async (input, env) => {
      const poison = { toString: () => "constructor" }
      const seen = []
      for (const request of [{ __proto__: null }, [], "x", 1]) seen.push(await caches.default.match(request).then(() => "ok", (e) => e.name))
      Object.prototype.url = "https://evil/"; Object.prototype.headers = []
      return seen }`,
    { platform },
  )
  assert.deepEqual(run.ok && run.result, ["TypeError", "TypeError", "TypeError", "TypeError"])
})
