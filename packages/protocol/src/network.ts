/** What a guest may reach. The shape of `network` in every public option object. */
export interface NetworkPolicy {
  /** What happens to an origin that no rule names. Default "deny". "allow" means public addresses only. */
  readonly defaultPolicy?: "deny" | "allow" | "ask"
  /** Origins as text ("https://api.example.com", "https://*.example.com") or rules. */
  readonly allowedOrigins?: readonly (string | OriginRule)[]
  /** Wins over `allowedOrigins`. */
  readonly deniedOrigins?: readonly string[]
  /** Must be true for a rule as wide as "*" or "https://*". */
  readonly allowAll?: boolean
}

export interface OriginRule {
  readonly origin: string
  /** Upper-case HTTP methods. Default: all. */
  readonly methods?: readonly string[]
  /** Paths, a trailing * matches any rest. Default: all. */
  readonly paths?: readonly string[]
  readonly maxResponseBytes?: number
}

/** One egress attempt, allowed or denied. Times are epoch milliseconds. */
export interface LedgerRow {
  readonly id: string
  readonly time: number
  readonly tenant: string
  readonly runId: string
  readonly method: string
  readonly origin: string
  /** The path without its query. */
  readonly path: string
  /** The address that was dialled, when one was. */
  readonly address: string | null
  readonly port: number
  readonly decision: "allow" | "deny" | "ask"
  /** The rule that decided, null when none did. */
  readonly rule: string | null
  readonly reason: string | null
  readonly status: number | null
  readonly bytesIn: number
  readonly bytesOut: number
  readonly durationMs: number
}
