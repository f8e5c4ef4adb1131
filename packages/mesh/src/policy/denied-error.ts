import { MayflyError } from "@mayfly/protocol"
import type { TargetProblem } from "./canonical-target.ts"
import type { DenyReason } from "./decide.ts"
import type { Policy } from "./parse-policy.ts"

/** Why something did not leave, as in `reason` of a ledger row. */
export type RefusalReason =
  | DenyReason
  | TargetProblem
  | "private-address"
  | "own-listener"
  | "method-forbidden"
  | "count"
  | "rate"
  | "attempts"
  | "ask-denied"
  | "pending"
  | "server-name"
  | "host-header"
  | "protocol"

export interface Refused {
  readonly method: string
  /** Empty when the address could not be read. */
  readonly origin: string
  readonly path: string
  readonly reason: RefusalReason
  /** For "rate" and "attempts". */
  readonly retryAfterMs?: number
}

/**
 * Written for the agent that reads it: what was refused and why, what is allowed, how to ask for more, and that other
 * routes are no answer. The texts hold nothing of what the policy keeps inside: no addresses, no headers, no secrets.
 */
export function deniedError(refused: Refused, policy: Policy): MayflyError {
  const { method, origin, path, reason, retryAfterMs } = refused
  const allowed = originsOf(policy)
  const listed = allowed.slice(0, maxListed)
  const more = allowed.length > maxListed ? `, and ${allowed.length - maxListed} more` : ""
  const list = listed.length === 0 ? "none" : listed.join(", ") + more
  const what = origin === "" ? "The request" : `${method} ${origin}${path.slice(0, maxPath)}`
  const wait = retryAfterMs === undefined ? "" : ` Try again in ${retryAfterMs} ms.`
  const message =
    `${what} was ${verbs[codeOf(reason)]}: ${reasons[reason]}. ` +
    `Allowed origins: ${list}${by(policy)}.${askFor(origin, reason)}${wait}${stop(reason)}`
  const details = {
    method,
    origin,
    reason,
    allowedOrigins: listed,
    ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
  }
  return new MayflyError(codeOf(reason), message, { details })
}

const maxListed = 20
const maxPath = 200

type DeniedCode = "mesh.denied" | "mesh.pending" | "mesh.rate-limited"

function codeOf(reason: RefusalReason): DeniedCode {
  if (reason === "pending") return "mesh.pending"
  return reason === "rate" || reason === "attempts" ? "mesh.rate-limited" : "mesh.denied"
}

const verbs: Readonly<Record<DeniedCode, string>> = {
  "mesh.denied": "denied",
  "mesh.pending": "not sent yet",
  "mesh.rate-limited": "not sent",
}

const reasons: Readonly<Record<RefusalReason, string>> = {
  "no-rule": "no rule names this origin",
  "denied-origin": "network.deniedOrigins names this origin, which no rule overrides",
  method: "the rules for this origin do not include this method",
  path: "the rules for this origin do not include this path",
  count: "the run has made as many requests as the rule for this origin permits",
  rate: "the rule for this origin permits no more requests at this rate",
  attempts: "this sandbox has made too many attempts in the last minute",
  tunnel: "the rule for this origin looks at each request, and a tunnel hides them",
  ask: "this origin needs an approval, and nobody can be asked here",
  "ask-denied": "somebody was asked for an approval and said no",
  pending: "an approval was asked for and is not decided yet",
  "private-address":
    "the host is not on the public network, and no rule names exactly this origin, or this tenant may not have such rules",
  "own-listener": "this is the platform's own port, which no program may reach",
  url: "its URL cannot be read",
  scheme: "only http: and https: can be fetched",
  userinfo: "a URL must not hold a user name or password; send an authorization header",
  host: "its host is not a valid name or address",
  port: "its port is not a whole number from 1 to 65535",
  "server-name": "the server name that TLS was started with is not the host of this connection",
  "host-header": "the Host header names another host than this connection",
  protocol: "neither TLS nor HTTP was spoken, and no tcp:// rule names this host and port",
  "method-forbidden": "this method cannot be sent",
}

/** What a request has to fit: the rules of the innermost policy that has some. */
function originsOf(policy: Policy): readonly string[] {
  if (policy.rules.length === 0 && policy.within !== null) return originsOf(policy.within)
  return [...new Set(policy.rules.map(({ pattern }) => pattern.text))]
}

function by({ defaultPolicy, within }: Policy): string {
  if (defaultPolicy !== "allow" || (within !== null && within.defaultPolicy !== "allow")) return ""
  return " (and every public origin that no rule names)"
}

function askFor(origin: string, reason: RefusalReason): string {
  switch (reason) {
    case "no-rule":
    case "ask":
    case "private-address":
    case "protocol":
      return ` To allow it: --allow ${origin}, or add "${origin}" to network.allowedOrigins.`
    case "method":
    case "path":
    case "count":
      return ` To allow it, the owner of this program has to widen the rule for ${origin}.`
    default:
      return ""
  }
}

/** Agents that are refused look for a way around; there is none that is not refused as well, and each try is on record. */
function stop(reason: RefusalReason): string {
  switch (reason) {
    case "no-rule":
    case "denied-origin":
    case "ask":
    case "ask-denied":
    case "private-address":
    case "own-listener":
    case "server-name":
    case "host-header":
      return " Do not try other routes: every one is decided by the same policy and recorded."
    default:
      return ""
  }
}
