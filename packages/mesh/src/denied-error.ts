import { MayflyError } from "@mayfly/protocol"
import type { DenyReason } from "./decide.ts"
import type { Policy } from "./parse-policy.ts"

export type RefusalReason = DenyReason | "private-address" | "url" | "scheme" | "userinfo" | "host" | "method-forbidden"

export interface Refused {
  readonly method: string
  /** Empty when the address could not be read. */
  readonly origin: string
  readonly path: string
  readonly reason: RefusalReason
}

/** Written for the agent that reads it: what was refused and why, what is allowed, how to ask for more. */
export function deniedError(refused: Refused, policy: Policy): MayflyError {
  const { method, origin, path, reason } = refused
  const allowed = policy.rules.slice(0, maxListed).map(({ pattern }) => pattern.text)
  const more = policy.rules.length > maxListed ? `, and ${policy.rules.length - maxListed} more` : ""
  const list = allowed.length === 0 ? "none" : allowed.join(", ") + more
  const what = origin === "" ? "The request" : `${method} ${origin}${path.slice(0, maxPath)}`
  const ask = canBeAsked(reason) ? ` To allow it: --allow ${origin}, or add "${origin}" to network.allowedOrigins.` : ""
  const message = `${what} was denied: ${reasons[reason]}. Allowed origins: ${list}${by(policy)}.${ask}`
  return new MayflyError("mesh.denied", message, { details: { method, origin, reason, allowedOrigins: allowed } })
}

const maxListed = 20
const maxPath = 200

const reasons: Readonly<Record<RefusalReason, string>> = {
  "no-rule": "no rule names this origin",
  "denied-origin": "network.deniedOrigins names this origin, which no rule overrides",
  method: "the rules for this origin do not include this method",
  path: "the rules for this origin do not include this path",
  ask: "this origin needs an approval, and nobody can be asked here",
  "private-address": "the host is not on the public network, and no rule names exactly this origin",
  url: "its URL cannot be read",
  scheme: "only http: and https: can be fetched",
  userinfo: "a URL must not hold a user name or password; send an authorization header",
  host: "its host is not a valid name or address",
  "method-forbidden": "this method cannot be sent",
}

function by({ defaultPolicy }: Policy): string {
  return defaultPolicy === "allow" ? " (and every public origin that no rule names)" : ""
}

function canBeAsked(reason: RefusalReason): boolean {
  return reason === "no-rule" || reason === "ask" || reason === "private-address"
}
