import { type Backoff, defaultRetries, type RetryPolicy } from "../core/retry.ts"
import { duration, invalid, nameOf, only, record } from "./check.ts"

const backoffs = ["constant", "linear", "exponential"]
const maxLimit = 10_000

/** Cloudflare's `retries`, each part with its default. Throws `input.invalid`. */
export function parseRetries(value: unknown, path: string): RetryPolicy {
  // A copy: what stands in a definition twice as the same object is no plain JSON, and takes four times as long to write.
  if (value === undefined) return { ...defaultRetries }
  const given = record(value, path)
  only(given, ["limit", "delay", "backoff", "maxDelay"], path)
  const { limit = defaultRetries.limit, delay, backoff = defaultRetries.backoff, maxDelay } = given
  // As at Cloudflare: without an end.
  const isLimit = limit === Infinity || (Number.isInteger(limit) && (limit as number) >= 0)
  if (!isLimit) throw invalid(`${path}.limit`, `must be a whole number from 0; it is ${nameOf(limit)}`)
  if (typeof backoff !== "string" || !backoffs.includes(backoff))
    throw invalid(`${path}.backoff`, `must be one of ${backoffs.join(", ")}`)
  return {
    limit: Math.min(limit as number, maxLimit),
    delayMs: delay === undefined ? defaultRetries.delayMs : duration(delay, `${path}.delay`),
    backoff: backoff as Backoff,
    maxDelayMs: maxDelay === undefined ? defaultRetries.maxDelayMs : duration(maxDelay, `${path}.maxDelay`),
  }
}
