import type { LedgerRow, NetworkPolicy } from "./network.ts"

/** One outgoing HTTP request of a guest, bodies buffered. */
export interface EgressRequest {
  readonly url: string
  readonly method: string
  readonly headers: readonly (readonly [string, string])[]
  readonly body: Uint8Array | null
  readonly redirect: "follow" | "manual" | "error"
}

/** The answer to it. `url` is the address after redirects. */
export interface EgressResponse {
  readonly url: string
  readonly redirected: boolean
  readonly status: number
  readonly statusText: string
  readonly headers: readonly (readonly [string, string])[]
  readonly body: Uint8Array
}

/** Who asks, under which policy. */
export interface EgressContext {
  readonly tenant: string
  readonly runId: string
  readonly policy: NetworkPolicy
  readonly signal: AbortSignal
  /** The most response bytes that will be accepted; more is `mesh.response-too-large`. */
  readonly maxResponseBytes: number
  /** Called for each attempt, allowed or denied, when its outcome is known. */
  record(row: LedgerRow): void
  /** Called before each redirect hop; throws when the run may make no further request. */
  onHop(): void
}

/** Performs guest requests that the policy allows. Rejects with a `mesh.*` MayflyError otherwise. Implemented by mesh. */
export interface Egress {
  /** Throws `input.invalid` for a policy that can't be carried out, or is wider than its author may have meant. */
  check(policy: NetworkPolicy): void
  fetch(request: EgressRequest, context: EgressContext): Promise<EgressResponse>
}
