import type { PolicyRule } from "./parse-policy.ts"

export interface UsageOf {
  readonly tenant: string
  readonly runId: string
  /** Epoch milliseconds. */
  readonly now: number
}

export type Taken =
  | { readonly ok: true }
  | { readonly ok: false; readonly reason: "count"; readonly rule: PolicyRule }
  | { readonly ok: false; readonly reason: "rate"; readonly rule: PolicyRule; readonly retryAfterMs: number }

/** Counts requests against the rules that limit them: per run for `maxRequests`, per tenant for `rate`. */
export class RuleUsage {
  /** Used requests by run and rule. */
  readonly #counts = new Map<string, number>()
  /** By tenant and rule: when all that was used will have been earned again. */
  readonly #rates = new Map<string, number>()

  /** Takes one request from every rule, or from none when one of them has nothing left. */
  take(rules: readonly PolicyRule[], use: UsageOf): Taken {
    for (const rule of rules) {
      const refusal = this.#refusal(rule, use)
      if (refusal !== null) return refusal
    }
    for (const rule of rules) this.#use(rule, use)
    return { ok: true }
  }

  #refusal(rule: PolicyRule, use: UsageOf): Taken | null {
    if (rule.maxRequests !== null && (this.#counts.get(countKey(rule, use)) ?? 0) >= rule.maxRequests) {
      return { ok: false, reason: "count", rule }
    }
    if (rule.rate === null) return null
    const earnedAt = this.#rates.get(rateKey(rule, use)) ?? 0
    const waitMs = Math.max(earnedAt, use.now) + intervalMs(rule.rate) - (use.now + rule.rate.perSeconds * 1_000)
    // Intervals are fractions; what is less than a thousandth is rounding.
    return waitMs > 0.001 ? { ok: false, reason: "rate", rule, retryAfterMs: Math.ceil(waitMs) } : null
  }

  #use(rule: PolicyRule, use: UsageOf): void {
    if (rule.maxRequests !== null) {
      const key = countKey(rule, use)
      put(this.#counts, key, (this.#counts.get(key) ?? 0) + 1)
    }
    if (rule.rate === null) return
    const key = rateKey(rule, use)
    put(this.#rates, key, Math.max(this.#rates.get(key) ?? 0, use.now) + intervalMs(rule.rate))
  }
}

/** The oldest entry goes: to be forgotten, a run would need this many others, each with an allowance of its own. */
const maxEntries = 100_000

function put(map: Map<string, number>, key: string, value: number): void {
  map.delete(key)
  map.set(key, value)
  if (map.size <= maxEntries) return
  for (const oldest of map.keys()) {
    map.delete(oldest)
    return
  }
}

function intervalMs({ requests, perSeconds }: { readonly requests: number; readonly perSeconds: number }): number {
  return (perSeconds * 1_000) / requests
}

function countKey(rule: PolicyRule, { tenant, runId }: UsageOf): string {
  return `${tenant}\n${runId}\n${nameOf(rule)}`
}

function rateKey(rule: PolicyRule, { tenant }: UsageOf): string {
  return `${tenant}\n${nameOf(rule)}`
}

/** What a rule is about, so that its count lives on when its limits are changed. */
function nameOf({ pattern, methods, paths }: PolicyRule): string {
  return JSON.stringify([pattern.text, methods === null ? null : [...methods], paths])
}
