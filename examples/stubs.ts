// What a call gives may be called itself: the guest lives as long as its stubs are held.
import assert from "node:assert/strict"
import { createPlatform, WorkerLoader } from "mayfly"

type Counter = { increment(by?: number): Promise<number> } & Disposable

await using platform = await createPlatform()
const loader = new WorkerLoader({ platform })
const stub = loader.get("counters-v1", () => ({
  mainModule: "main.js",
  modules: {
    "main.js": `
      import { RpcTarget, WorkerEntrypoint } from "cloudflare:workers"
      class Counter extends RpcTarget {
        #count = 0
        increment(by = 1) { return (this.#count += by) }
      }
      export default class extends WorkerEntrypoint {
        getCounter() { return new Counter() }
        async *countTo(limit) { for (let n = 1; n <= limit; n++) yield n }
      }`,
  },
}))
const entrypoint = stub.getEntrypoint() as unknown as {
  getCounter(): Promise<Counter>
  countTo(limit: number): Promise<AsyncIterable<number>>
}

let kept: Counter
{
  using counter = await entrypoint.getCounter()
  assert.deepEqual([await counter.increment(), await counter.increment(4)], [1, 5])
  kept = counter
}
// The block has disposed it.
await assert.rejects(kept.increment(), { code: "worker.stub-expired" })

const numbers: number[] = []
for await (const n of await entrypoint.countTo(3)) numbers.push(n)
assert.deepEqual(numbers, [1, 2, 3])
