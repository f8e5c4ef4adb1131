import type { NetworkPolicy, OriginRule } from "@mayfly/protocol"
import { narrowPolicy } from "./narrow-policy.ts"
import { parsePolicy, type Policy } from "./parse-policy.ts"
import { canonicalPolicy, hashOf } from "./policy-hash.ts"

export interface PolicyChange {
  /** Epoch milliseconds. */
  readonly time: number
  /** Hashes of the policy before and after. */
  readonly from: string
  readonly to: string
  readonly policy: NetworkPolicy
  /** What the caller gave as the reason. */
  readonly reason: string | null
}

export interface PolicyHandleOptions {
  /** Told of each change before it counts. When it throws or rejects, the policy stays as it was. */
  readonly audit?: (change: PolicyChange) => void | Promise<void>
}

/**
 * A policy that can be replaced while something runs under it. It is given as `network` like any policy. Each request,
 * redirect and connection is decided by one policy as a whole, the one that counts at that moment.
 */
export class PolicyHandle implements NetworkPolicy {
  #policy: NetworkPolicy
  #parsed: Policy
  readonly #audit: NonNullable<PolicyHandleOptions["audit"]>
  /** Changes happen one after the other, also when the audit of one takes long. */
  #last: Promise<void> = Promise.resolve()

  /** Throws `input.invalid`. */
  constructor(policy: NetworkPolicy, { audit = () => {} }: PolicyHandleOptions = {}) {
    this.#policy = canonicalPolicy(policy)
    this.#parsed = parsePolicy(this.#policy)
    this.#audit = audit
  }

  /** The policy that counts now, as data. */
  get policy(): NetworkPolicy {
    return this.#policy
  }

  get parsed(): Policy {
    return this.#parsed
  }

  get hash(): string {
    return hashOf(this.#parsed)
  }

  get defaultPolicy(): "deny" | "allow" | "ask" {
    return this.#parsed.defaultPolicy
  }

  get allowedOrigins(): readonly (string | OriginRule)[] {
    return this.#policy.allowedOrigins ?? []
  }

  get deniedOrigins(): readonly string[] {
    return this.#policy.deniedOrigins ?? []
  }

  /** Puts another policy in its place, wider or narrower. Rejects with `input.invalid`, or with what the audit threw. */
  replace(policy: NetworkPolicy, { reason = null }: { readonly reason?: string | null } = {}): Promise<void> {
    return this.#change(() => policy, reason)
  }

  /** Narrows the policy that counts by then, see `narrowPolicy`. */
  narrow(update: NetworkPolicy, { reason = null }: { readonly reason?: string | null } = {}): Promise<void> {
    return this.#change((current) => narrowPolicy(current, update), reason)
  }

  #change(next: (current: NetworkPolicy) => NetworkPolicy, reason: string | null): Promise<void> {
    const change = async (): Promise<void> => {
      const policy = canonicalPolicy(next(this.#policy))
      const parsed = parsePolicy(policy)
      await this.#audit({ time: Date.now(), from: this.hash, to: hashOf(parsed), policy, reason })
      this.#policy = policy
      this.#parsed = parsed
    }
    const done = this.#last.then(change)
    this.#last = done.catch(() => {})
    return done
  }
}
