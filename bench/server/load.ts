import autocannon from "autocannon"
import { createPlatform, DynamicWorker } from "mayfly"
import type { Served } from "./served.ts"

export interface LoadRow {
  readonly connections: number
  readonly runsPerSecond: number
  readonly p50Ms: number
  readonly p99Ms: number
  readonly errors: number
  readonly failed: number
}

export const script = "export default (input) => ({ sum: input.a + input.b })"

/** Fresh runs of a small program over `POST /v1/run`. */
export async function measureLoad(served: Served, connections: number, seconds: number): Promise<LoadRow> {
  const result = await autocannon({
    url: `${served.url}/v1/run`,
    method: "POST",
    headers: { authorization: `Bearer ${served.key}`, "content-type": "application/json" },
    body: JSON.stringify({ script, input: { a: 1, b: 2 } }),
    connections,
    duration: seconds,
  })
  return {
    connections,
    runsPerSecond: result["2xx"] / result.duration,
    p50Ms: result.latency.p50,
    p99Ms: result.latency.p99,
    errors: result.errors,
    failed: result.non2xx,
  }
}

/** The same runs in process: what HTTP adds is the rest. */
export async function measureInProcess(clients: number, seconds: number): Promise<number> {
  await using platform = await createPlatform()
  await using worker = await DynamicWorker.create({ script, platform })
  await worker.run({ a: 1, b: 2 })
  const until = performance.now() + seconds * 1_000
  let runs = 0
  const client = async (): Promise<void> => {
    for (; performance.now() < until; runs++) await worker.run({ a: 1, b: 2 })
  }
  await Promise.all(Array.from({ length: clients }, client))
  return runs / seconds
}
