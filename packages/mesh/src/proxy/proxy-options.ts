import type { LedgerRow, NetworkPolicy } from "@mayfly/protocol"
import type { HttpEgress } from "../egress/create-egress.ts"
import type { Authority } from "./certificate-authority.ts"

export interface SandboxProxyOptions {
  readonly tenant: string
  readonly sandboxId: string
  /** The run that rows of the ledger name, and that `maxRequests` counts for. Default: the sandbox's id. */
  readonly runId?: string
  /** A `PolicyHandle` when it may change while the sandbox runs. */
  readonly policy: NetworkPolicy
  /** The way out of the platform: its ledger, secrets, approvals and counts are those of workers. Whoever made it closes it. */
  readonly egress: HttpEgress
  readonly tls?: TlsMode
  /** Signs certificates for hosts whose TLS ends here. Default: one of its own. */
  readonly authority?: Authority
  /** What clients of the proxy's port must show: as the password of a proxy login, or as a bearer token. Default: nothing. */
  readonly token?: string
  readonly limits?: Partial<ProxyLimits>
  /** Told of each attempt when its outcome is known. */
  readonly onRow?: (row: LedgerRow) => void
}

/**
 * Where TLS of the sandbox ends. "when-needed": here for rules that look at requests (methods, paths, headers, secrets,
 * sizes, counts) and to explain a refusal, else at the server. "always": here. "never": at the server; rules that look at
 * requests then refuse.
 */
export type TlsMode = "when-needed" | "always" | "never"

/** What one sandbox may keep busy. */
export interface ProxyLimits {
  /** Connections at once, of all kinds; more are closed at once. Default 256. */
  readonly connections: number
  /**
   * Connections, requests and names asked for, in a minute; as many may come at once after a quiet minute. Beyond it they are refused, and only the first
   * is recorded: a flood fills no ledger. Default 12,000.
   */
  readonly attemptsPerMinute: number
  /** Until a connection has said what it wants: greeting, TLS, head of a request. Default 30,000 ms. */
  readonly openingMs: number
  /** A connection that is silent for longer is closed. Default 300,000 ms. */
  readonly idleMs: number
  /** The most time for one request's body to arrive. Default 3,600,000 ms. */
  readonly requestMs: number
  /** Head of one request. Default 64 KiB. */
  readonly headBytes: number
  /** Body of one answer to a request that can be seen. Default 4 GiB. */
  readonly responseBytes: number
  /** Names that have an address at once; the one that was not used for longest goes first. Default 16,384, at most 32,768. */
  readonly names: number
}

export const defaultProxyLimits: ProxyLimits = {
  connections: 256,
  attemptsPerMinute: 12_000,
  openingMs: 30_000,
  idleMs: 300_000,
  requestMs: 3_600_000,
  headBytes: 64 << 10,
  responseBytes: 4 * 2 ** 30,
  names: 16_384,
}
