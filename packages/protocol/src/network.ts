/** What a guest may reach. The shape of `network` in every public option object. */
export interface NetworkPolicy {
  /** What happens to an origin that no rule names. Default "deny". "allow" means public addresses only. */
  readonly defaultPolicy?: "deny" | "allow" | "ask"
  /** Origins as text ("https://api.example.com", "https://*.example.com", "tcp://db.example.com:5432") or rules. */
  readonly allowedOrigins?: readonly (string | OriginRule)[]
  /** Wins over `allowedOrigins`. */
  readonly deniedOrigins?: readonly string[]
  /** Must be true for a rule that covers hosts of unrelated owners: "*", "https://*", "https://*.co.uk", "https://*.github.io". */
  readonly allowAll?: boolean
  /** What this policy allows must be allowed by that one as well. Made by `narrowPolicy`. */
  readonly within?: NetworkPolicy
}

export interface OriginRule {
  readonly origin: string
  /** Upper-case HTTP methods. Default: all. */
  readonly methods?: readonly string[]
  /** Paths, a trailing * matches any rest. Default: all. */
  readonly paths?: readonly string[]
  /** Headers of each request: set to this text or secret, or taken out (null), whatever the guest gave. */
  readonly headers?: Readonly<Record<string, string | SecretHeader | null>>
  /** A credential of a known kind, made for each request on the way out. */
  readonly auth?: BasicAuth | AwsAuth
  /**
   * Texts that stand for secrets in headers, paths and queries that a program sends, replaced on the way out: for SDKs that insist on a key.
   * Elsewhere they are what they look like, and worth nothing.
   */
  readonly placeholders?: Readonly<Record<string, NamedSecret>>
  /** Most requests of one run. */
  readonly maxRequests?: number
  readonly maxRequestBytes?: number
  readonly maxResponseBytes?: number
  /** Most requests of one tenant within a time. */
  readonly rate?: { readonly requests: number; readonly perSeconds: number }
}

export interface NamedSecret {
  readonly secret: string
}

/** RFC 7617. For git over https: the user name that the forge wants ("x-access-token", "oauth2") and a token. */
export interface BasicAuth {
  readonly basic: { readonly username?: string; readonly password: NamedSecret }
}

/** AWS Signature Version 4. What a program's own SDK signed with dummy keys is replaced. */
export interface AwsAuth {
  readonly aws: {
    readonly region: string
    readonly service: string
    readonly accessKeyId: NamedSecret
    readonly secretAccessKey: NamedSecret
    readonly sessionToken?: NamedSecret
  }
}

/** A header that holds a secret, which is added on the way out: no guest ever sees it. */
export interface SecretHeader {
  /** The secret's name. */
  readonly secret: string
  /** What the header says, with "{secret}" in it. Default "Bearer {secret}" for authorization, else "{secret}". */
  readonly format?: string
}

/** One egress attempt, allowed or denied. Times are epoch milliseconds. */
export interface LedgerRow {
  readonly id: string
  readonly time: number
  readonly tenant: string
  readonly runId: string
  /** The sandbox that asked, when one did. */
  readonly sandboxId?: string
  /** The workflow step that asked, when one did. */
  readonly step?: string
  /** "CONNECT" for a raw connection. */
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
  /** SHA-256 of the policy in its canonical form. */
  readonly policyHash: string
  readonly reason: string | null
  readonly status: number | null
  readonly bytesIn: number
  readonly bytesOut: number
  readonly durationMs: number
  /** Names of the secrets that were added. */
  readonly secrets: readonly string[]
  /** Set by a ledger that chains its rows. */
  readonly hash?: string
  readonly previousHash?: string
}
