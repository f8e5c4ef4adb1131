import { MayflyError, type NetworkPolicy } from "@mayfly/protocol"

interface Wanted {
  readonly origins: readonly string[] | undefined
  readonly ask: boolean | undefined
  readonly allowed: readonly string[]
}

/** The policy for what an agent wants: it chooses among what the operator allows, and can have a person asked about the rest. Throws `mesh.denied`. */
export function networkFor({ origins, ask, allowed }: Wanted): NetworkPolicy {
  const refused = (origins ?? []).filter((origin) => !allowed.includes(origin))
  if (refused.length > 0 && ask !== true) {
    const list = allowed.length === 0 ? "none" : allowed.join(", ")
    throw new MayflyError("mesh.denied", `${refused.join(", ")} may not be reached; allowed: ${list}`, {
      details: { origins: refused, allowed },
      fix: "Use an origin that is allowed, or set ask to true so that a person is asked when the program gets there.",
    })
  }
  const allowedOrigins = origins === undefined ? [...allowed] : origins.filter((origin) => allowed.includes(origin))
  return { defaultPolicy: ask === true ? "ask" : "deny", allowedOrigins }
}
