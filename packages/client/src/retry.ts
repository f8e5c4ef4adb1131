import type { MayflyError } from "@mayfly/protocol"

const baseMs = 200
const mostMs = 10_000

/** How long to wait before the attempt after number `attempt` (from 0): what the server says, else exponential with full jitter. */
export function retryDelayMs(attempt: number, error?: MayflyError): number {
  const retryAfterMs = error?.details["retryAfterMs"]
  if (typeof retryAfterMs === "number" && retryAfterMs >= 0) return Math.min(retryAfterMs, 60_000)
  return Math.random() * Math.min(baseMs * 2 ** attempt, mostMs)
}

/** Rejects with the signal's reason when it is aborted. */
export async function pause(ms: number, signal?: AbortSignal): Promise<void> {
  signal?.throwIfAborted()
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  const timer = setTimeout(resolve, ms)
  const abort = (): void => reject(signal?.reason)
  signal?.addEventListener("abort", abort, { once: true })
  try {
    await promise
  } finally {
    clearTimeout(timer)
    signal?.removeEventListener("abort", abort)
  }
}
