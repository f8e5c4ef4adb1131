import type { EgressRequest, EgressResponse, NetworkPolicy } from "@mayfly/protocol"
import type { PreparedNetwork } from "./sandbox-provider.ts"

/** A sandbox that has just started; nothing of a guest's runs in it yet. */
export interface EgressTarget {
  readonly id: string
  readonly tenant: string
  readonly network: NetworkPolicy
  /** A process in the sandbox's network namespace, which holds nothing but a loopback. Null: it has none, and sends requests through `fetch`. */
  readonly namespacePid: number | null
}

/** One request of a sandbox, decided and recorded like any other. Rejects with `mesh.*`. */
export type SandboxFetch = (request: EgressRequest, signal: AbortSignal) => Promise<EgressResponse>

export interface EgressAttachment extends AsyncDisposable {
  /** Variables that commands are given. */
  readonly environment: Readonly<Record<string, string>>
  /** Files that commands need for it, certificates for instance: absolute path inside to text. */
  readonly files: Readonly<Record<string, string>>
  readonly fetch: SandboxFetch
  /**
   * Holds from the next connection on; what is open and not allowed any more is closed. When it rejects, the policy is the one that it was.
   * Changes happen one after the other.
   */
  setPolicy(network: NetworkPolicy): Promise<void>
}

/** A way out with a network around it, made before the sandbox. */
export interface PreparedEgress extends EgressAttachment, PreparedNetwork {}

/** The one way out of a sandbox. Declared here, implemented by mesh; without one, a sandbox reaches nothing. */
export interface SandboxEgress {
  /** The policy as plain data, which nobody else can change. Throws `input.invalid` for one that can't be carried out. */
  check(network: NetworkPolicy): NetworkPolicy
  /** Opens the way out of a sandbox that starts. When it rejects, the sandbox does not start. */
  attach(target: EgressTarget): Promise<EgressAttachment>
  /** Makes the network as well, for a sandbox that is then started in it. */
  prepare?(target: Omit<EgressTarget, "namespacePid">): Promise<PreparedEgress>
  /** Begins to make what the next calls of `prepare` need. */
  warm?(): void
  /** Ends what was made ahead of time. Whoever keeps the sandboxes calls it. Calling twice is safe. */
  close?(): Promise<void>
}
