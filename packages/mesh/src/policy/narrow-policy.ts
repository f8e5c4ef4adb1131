import type { NetworkPolicy } from "@mayfly/protocol"
import { parsePolicy } from "./parse-policy.ts"
import { canonicalPolicy } from "./policy-hash.ts"
import { invalidField } from "./read-field.ts"

/**
 * The policy that an update leaves of another one. Never wider: whatever it allows, `policy` allows.
 *
 * - A field that the update does not have stays as it is.
 * - `deniedOrigins` are added to those that are there.
 * - `defaultPolicy` becomes the stricter of the two (allow, ask, deny).
 * - `allowedOrigins`: a request must be allowed by the update and by `policy`. What the update does not name is denied,
 *   unless the update has a `defaultPolicy` of its own. Limits of both count; a private host must be named by both.
 * - `headers`, `auth` and `placeholders` in the update are refused: they could add a credential.
 *
 * Throws `input.invalid` for either policy.
 */
export function narrowPolicy(policy: NetworkPolicy, update: NetworkPolicy): NetworkPolicy {
  const base = canonicalPolicy(policy)
  const parsed = parsePolicy(update, "update")
  parsed.rules.forEach(({ headers, auth, placeholders }, at) => {
    const field =
      headers.length > 0 ? "headers" : auth !== null ? "auth" : placeholders.length > 0 ? "placeholders" : null
    if (field === null) return
    throw invalidField(`update.allowedOrigins[${at}].${field}`, "cannot be part of an update: it may only narrow")
  })
  if (parsed.within !== null) throw invalidField("update.within", "cannot be part of an update")
  if (update.allowedOrigins !== undefined) return canonicalPolicy({ ...update, within: base })
  const { defaultPolicy = "deny", deniedOrigins = [] } = base
  return canonicalPolicy({
    ...base,
    defaultPolicy: stricter(defaultPolicy, update.defaultPolicy ?? defaultPolicy),
    deniedOrigins: [...deniedOrigins, ...(update.deniedOrigins ?? [])],
  })
}

const strictness = ["allow", "ask", "deny"] as const

function stricter(one: (typeof strictness)[number], other: (typeof strictness)[number]): (typeof strictness)[number] {
  return strictness[Math.max(strictness.indexOf(one), strictness.indexOf(other))] ?? "deny"
}
