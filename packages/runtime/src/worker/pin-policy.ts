import type { NetworkPolicy } from "@mayfly/protocol"

/**
 * A copy that nobody can change any more: a worker runs under the policy that it was created with, and the way out need
 * not read it anew for each request. An object with a class of its own, such as a PolicyHandle, changes in its own way
 * and is left alone.
 */
export function pinPolicy(policy: NetworkPolicy): NetworkPolicy {
  const prototype: unknown = Object.getPrototypeOf(policy)
  return prototype === Object.prototype || prototype === null ? (frozenCopy(policy, maxDepth) as NetworkPolicy) : policy
}

/** Deeper than any policy that the way out accepts. */
const maxDepth = 64

function frozenCopy(value: unknown, depth: number): unknown {
  if (typeof value !== "object" || value === null || depth === 0) return value
  if (Array.isArray(value)) return Object.freeze(value.map((item) => frozenCopy(item, depth - 1)))
  const fields = Object.entries(value).map(([name, field]) => [name, frozenCopy(field, depth - 1)])
  return Object.freeze(Object.fromEntries(fields))
}
