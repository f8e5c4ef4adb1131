import type { EventEmitter } from "node:events"
import autocannon from "autocannon"
import { script } from "./load.ts"
import type { Served } from "./served.ts"

export interface Overload {
  readonly offeredPerSecond: number
  readonly answeredPerSecond: number
  readonly refused: number
  readonly refusedWithRetryAfter: number
  readonly errors: number
  /** From the end of the flood until a run takes no longer than twice what it took before. */
  readonly recoveryMs: number
  readonly crashed: boolean
}

/** Ten times what the server can do, then silence. */
export async function measureOverload(served: Served, capacity: number, seconds: number): Promise<Overload> {
  const before = Math.max(...(await Promise.all(Array.from({ length: 5 }, () => oneRun(served)))))
  let refused = 0
  let withRetryAfter = 0
  const flood = autocannon({
    url: `${served.url}/v1/run`,
    method: "POST",
    headers: { authorization: `Bearer ${served.key}`, "content-type": "application/json" },
    body: JSON.stringify({ script, input: { a: 1, b: 2 } }),
    connections: 4_000,
    overallRate: Math.round(capacity * 10),
    duration: seconds,
    timeout: 60,
    setupClient: (client) =>
      void (client as unknown as EventEmitter).on(
        "headers",
        ({ statusCode, headers }: { statusCode: number; headers: readonly string[] }) => {
          if (statusCode !== 429) return
          refused++
          if (headers.some((text) => String(text).toLowerCase() === "retry-after")) withRetryAfter++
        },
      ),
  })
  const result = await flood
  const ended = performance.now()
  let took = await oneRun(served)
  while (took > before * 2 && performance.now() - ended < 60_000) took = await oneRun(served)
  return {
    offeredPerSecond: capacity * 10,
    answeredPerSecond: result["2xx"] / result.duration,
    refused,
    refusedWithRetryAfter: withRetryAfter,
    errors: result.errors,
    recoveryMs: performance.now() - ended,
    crashed: served.hasEnded,
  }
}

async function oneRun({ url, key }: Served): Promise<number> {
  const started = performance.now()
  const answer = await fetch(`${url}/v1/run`, {
    method: "POST",
    headers: { authorization: `Bearer ${key}`, "content-type": "application/json" },
    body: JSON.stringify({ script, input: { a: 1, b: 2 } }),
  })
  await answer.arrayBuffer()
  return performance.now() - started
}
