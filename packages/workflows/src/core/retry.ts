export type Backoff = "constant" | "linear" | "exponential"

/** How often and when a step that failed is tried again. `limit` counts retries: a step runs at most `limit` + 1 times. */
export interface RetryPolicy {
  readonly limit: number
  readonly delayMs: number
  readonly backoff: Backoff
  readonly maxDelayMs: number
}

/** Cloudflare's defaults. */
export const defaultRetries: RetryPolicy = {
  limit: 5,
  delayMs: 1_000,
  backoff: "exponential",
  maxDelayMs: 365 * 86_400_000,
}
export const defaultTimeoutMs = 600_000

/** Milliseconds to wait after attempt number `attempt` (from 1) has failed: Cloudflare's formulas. */
export function retryDelay({ delayMs, backoff, maxDelayMs }: RetryPolicy, attempt: number): number {
  const factor = backoff === "constant" ? 1 : backoff === "linear" ? attempt : 2 ** (attempt - 1)
  return Math.min(delayMs * factor, maxDelayMs)
}
