import type { NetworkPolicy } from "@mayfly/protocol"
import { parsePolicy, type Policy } from "./parse-policy.ts"
import { PolicyHandle } from "./policy-handle.ts"

const parsed = new WeakMap<object, Policy>()

/**
 * The parsed form of a policy. Parsing a large one takes longer than deciding, so it is kept for policies that cannot
 * change: a policy that somebody may still edit is read anew each time. Throws `input.invalid`.
 */
export function readPolicy(policy: NetworkPolicy): Policy {
  if (policy instanceof PolicyHandle) return policy.parsed
  const known = parsed.get(policy)
  if (known !== undefined) return known
  const read = parsePolicy(policy)
  if (isDeeplyFrozen(policy)) parsed.set(policy, read)
  return read
}

function isDeeplyFrozen(value: unknown): boolean {
  if (typeof value !== "object" || value === null) return true
  return Object.isFrozen(value) && Object.values(value).every(isDeeplyFrozen)
}
