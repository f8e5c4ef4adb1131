// What a guest printed, how it ended and what it used, told to the parent after each invocation.
import assert from "node:assert/strict"
import { createPlatform, type TraceItem, WorkerLoader } from "mayfly"

await using platform = await createPlatform()
const loader = new WorkerLoader({ platform })
const seen: TraceItem[] = []

const stub = loader.get("noisy", () => ({
  mainModule: "main.ts",
  modules: {
    "main.ts": `export default { work(count: number): number { console.log("working on", count); return count * 2 } }`,
  },
  tails: [{ tail: (events: readonly TraceItem[]) => void seen.push(...events) }],
}))

const work = stub.getEntrypoint()["work"] as ((count: number) => Promise<number>) | undefined
assert.equal(await work?.(21), 42)
assert.deepEqual(
  seen.map(({ outcome, logs }) => [outcome, logs[0]?.message]),
  [["ok", ["working on 21"]]],
)
