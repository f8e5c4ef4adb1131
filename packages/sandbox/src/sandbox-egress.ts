import type { EgressRequest, EgressResponse, NetworkPolicy } from "@mayfly/protocol"

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
  /** Holds from the next connection on. */
  setPolicy(network: NetworkPolicy): Promise<void>
}

/** The one way out of a sandbox. Declared here, implemented by mesh; without one, a sandbox reaches nothing. */
export interface SandboxEgress {
  /** Throws `input.invalid` for a policy that can't be carried out. */
  check(network: NetworkPolicy): void
  /** Opens the way out of a sandbox that starts. When it rejects, the sandbox does not start. */
  attach(target: EgressTarget): Promise<EgressAttachment>
}
