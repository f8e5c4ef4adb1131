import assert from "node:assert/strict"
import { test } from "node:test"
import { CacheBudget } from "./cache-budget.ts"
import { WorkerCache } from "./worker-cache.ts"

const get = (url: string): { url: string; headers: [] } => ({ url, headers: [] })
const response = (size: number) => ({ status: 200, statusText: "", headers: [], body: new Uint8Array(size) })
const has = (cache: WorkerCache, url: string): boolean => cache.match("", get(url)) !== undefined

test("WorkerCache lets go of what was used longest ago", async () => {
  const budget = new CacheBudget(1e9)
  const cache = new WorkerCache("t", budget, { maxEntries: 3, maxBytes: 1e6, maxResponseBytes: 1e6 })
  for (const name of ["a", "b", "c"]) await cache.put("", get(`https://x/${name}`), response(1))
  assert.equal(has(cache, "https://x/a"), true)
  await cache.put("", get("https://x/d"), response(1))
  assert.deepEqual(
    ["a", "b", "c", "d"].map((name) => has(cache, `https://x/${name}`)),
    [true, false, true, true],
  )
})

test("WorkerCache counts what it holds, and nothing after it was cleared", async () => {
  const budget = new CacheBudget(1e9)
  const cache = new WorkerCache("t", budget, { maxEntries: 10, maxBytes: 10_000, maxResponseBytes: 5_000 })
  await cache.put("", get("https://x/a"), response(4_000))
  assert.ok(cache.bytes > 4_000 && cache.bytes < 6_000)
  assert.equal(budget.bytes, cache.bytes)
  await cache.put("", get("https://x/a"), response(2_000))
  assert.ok(cache.bytes < 4_000, "the first one was replaced")
  for (let n = 0; n < 10; n++) await cache.put("", get(`https://x/${n}`), response(4_000))
  assert.ok(cache.bytes <= 10_000)
  await assert.rejects(cache.put("", get("https://x/a"), response(5_001)), { code: "worker.cache-limit" })
  cache.clear()
  assert.deepEqual([cache.bytes, budget.bytes], [0, 0])
})

test("CacheBudget takes from the tenant that holds most", async () => {
  const budget = new CacheBudget(20_000)
  const limits = { maxEntries: 100, maxBytes: 15_000, maxResponseBytes: 5_000 }
  const careful = new WorkerCache("careful", budget, limits)
  const greedy = [new WorkerCache("greedy", budget, limits), new WorkerCache("greedy", budget, limits)]
  await careful.put("", get("https://x/mine"), response(1_000))
  for (let n = 0; n < 20; n++) await greedy[n % 2]?.put("", get(`https://x/${n}`), response(3_000))
  assert.ok(budget.bytes <= 20_000, String(budget.bytes))
  assert.equal(has(careful, "https://x/mine"), true)
})
