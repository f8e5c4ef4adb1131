import type { LedgerRow } from "@mayfly/protocol"
import type { SecretAlert } from "../secrets/secret-guard.ts"
import type { Lookup } from "../dial/resolve-addresses.ts"

export interface EgressOptions {
  /** Finds the addresses of a name. Default: the system's resolver. Asked only for allowed hosts. */
  readonly lookup?: Lookup
  /** How long an answer of `lookup` counts, in milliseconds. Default 5,000. Each use checks the addresses again. */
  readonly lookupMaxAgeMs?: number
  /** Ports that the platform itself listens on: no rule opens them on this machine. */
  readonly ownPorts?: () => Iterable<number>
  /** Whether rules of a tenant's open private addresses, which are this machine's and its network's. Default: of every tenant's. */
  readonly mayReachPrivate?: (tenant: string) => boolean
  /** Certificates of authorities, in PEM, to trust instead of the system's. */
  readonly ca?: string | readonly string[]
  /** Speak HTTP/2 with servers that offer it. Default false: see docs/decisions/0019. */
  readonly http2?: boolean
  readonly timeouts?: Partial<Timeouts>
  /** Most requests and connections under way of one tenant. Default 1,000. */
  readonly maxConnections?: number
  readonly ledger?: EgressLedger
  readonly approvals?: Approvals
  readonly secrets?: Secrets
  /** Told when a brokered secret came back from somewhere and was taken out. */
  readonly onAlert?: (alert: SecretAlert) => void
}

/** In milliseconds. */
export interface Timeouts {
  /** Until a connection stands, and again until TLS does. Default 10,000. */
  readonly connectMs: number
  /** From the request until the head of the answer. Default 300,000. */
  readonly headersMs: number
  /** Longest silence within an answer that is being read. Default 300,000. */
  readonly idleMs: number
}

/** Where rows are kept. */
export interface EgressLedger {
  /**
   * Called for each attempt, allowed or denied, before a byte of it leaves. The row says what is decided; its status, bytes
   * and duration are not known yet. When it rejects, the attempt is refused with `mesh.ledger-failed`.
   */
  begin(row: LedgerRow): Promise<void>
  /** Called once for each row that was begun, with its outcome. Must not throw. */
  end(row: LedgerRow): void
}

/** Somebody who can allow what a policy says to ask about. */
export interface Approvals {
  /** "pending" when it will be decided later: the attempt is refused with `mesh.pending`, and may be made again then. */
  ask(request: ApprovalRequest): Promise<"allow" | "deny" | "pending">
}

export interface ApprovalRequest {
  readonly tenant: string
  readonly runId: string
  readonly sandboxId?: string
  readonly step?: string
  readonly method: string
  readonly origin: string
  /** Without its query. */
  readonly path: string
  readonly policyHash: string
  /** Content hash of the program that asks. */
  readonly worker?: string
  /** Its lines around the request, as far as they can be found. */
  readonly excerpt?: string
  /** Fires when the answer is of no use any more. */
  readonly signal: AbortSignal
}

export interface Secrets {
  /** The value of a tenant's secret, null when there is none. */
  resolve(tenant: string, name: string): Promise<string | null>
}
