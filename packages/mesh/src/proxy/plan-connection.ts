import { socketTarget, type Target } from "../policy/canonical-target.ts"
import { type ConnectionVerdict, decideConnection } from "../policy/decide.ts"
import type { RefusalReason } from "../policy/denied-error.ts"
import type { Policy } from "../policy/parse-policy.ts"
import type { TlsMode } from "./proxy-options.ts"

/** What may become of a connection to a host and port, before any of its bytes is seen. */
export type ConnectionPlan =
  /** A tcp:// rule: whatever is said, nobody looks. */
  | { readonly kind: "raw"; readonly target: Target }
  /** It depends on what is spoken. */
  | {
      readonly kind: "look"
      readonly tls: TlsPlan
      /** Plain HTTP may be allowed, request by request. */
      readonly mayHttp: boolean
      /** Nothing is allowed; requests can be looked at to say so to whoever makes them. */
      readonly refusal: Refusal | null
    }

export interface TlsPlan {
  /** "tunnel": TLS ends at the server. "terminate": TLS ends here, and requests are decided one by one. */
  readonly kind: "tunnel" | "terminate"
  readonly target: Target
}

export interface Refusal {
  readonly target: Target
  readonly reason: RefusalReason
}

export interface WantedConnection {
  /** Canonical, as in a target. */
  readonly host: string
  readonly port: number
}

/** What kinds of connections to a host and port a policy has room for. `null` when host or port cannot be. */
export function planConnection(policy: Policy, wanted: WantedConnection, mode: TlsMode): ConnectionPlan | null {
  const tcpTarget = socketTarget({ ...wanted, tls: false })
  const tlsTarget = socketTarget({ ...wanted, tls: true })
  if (!tcpTarget.ok || !tlsTarget.ok) return null
  const targets = { tcp: tcpTarget.target, tls: tlsTarget.target, ...webTargets(wanted) }
  const verdicts = {
    tcp: decideConnection(policy, targets.tcp),
    tls: decideConnection(policy, targets.tls),
    http: decideConnection(policy, targets.http),
    https: decideConnection(policy, targets.https),
  }
  // A raw connection could carry what deniedOrigins names in its other shapes.
  const isDenied = Object.values(verdicts).some(isDeniedOrigin)
  if (verdicts.tcp.allow && !isDenied) return { kind: "raw", target: targets.tcp }
  const tls = planTls({ targets, verdicts, mode, isDenied })
  const mayHttp = mayHappen(verdicts.http)
  const mayTls = mayHappen(verdicts.https) || (verdicts.tls.allow && !isDenied)
  return { kind: "look", tls, mayHttp, refusal: mayHttp || mayTls ? null : refusalOf(wanted, targets, verdicts) }
}

/** An http or https origin of a host and port that are canonical already. */
export function webTarget(scheme: "http" | "https", { host, port }: WantedConnection): Target {
  const isDefault = port === (scheme === "http" ? 80 : 443)
  const origin = `${scheme}://${host}${isDefault ? "" : `:${port}`}`
  return { origin, scheme, host, port, path: "/", pathAndQuery: "/", url: `${origin}/` }
}

type Kind = "tcp" | "tls" | "http" | "https"

interface TlsParts {
  readonly targets: Readonly<Record<Kind, Target>>
  readonly verdicts: Readonly<Record<Kind, ConnectionVerdict>>
  readonly mode: TlsMode
  readonly isDenied: boolean
}

function planTls({ targets, verdicts, mode, isDenied }: TlsParts): TlsPlan {
  const { https, tls } = verdicts
  const tunnel = { kind: "tunnel", target: targets.https } as const
  if (mode === "never") return tls.allow && !https.allow && !isDenied ? { ...tunnel, target: targets.tls } : tunnel
  const terminate = { kind: "terminate", target: targets.https } as const
  if (https.allow) return mode === "always" || https.needsRequests || isDenied ? terminate : tunnel
  if (tls.allow && !isDenied) return { ...tunnel, target: targets.tls }
  if (https.reason === "ask") return mode === "always" ? terminate : tunnel
  // Only to say no in a way that a client can show.
  return terminate
}

function webTargets(wanted: WantedConnection): { readonly http: Target; readonly https: Target } {
  return { http: webTarget("http", wanted), https: webTarget("https", wanted) }
}

function isDeniedOrigin(verdict: ConnectionVerdict): boolean {
  return !verdict.allow && verdict.reason === "denied-origin"
}

function mayHappen(verdict: ConnectionVerdict): boolean {
  return verdict.allow || verdict.reason === "ask"
}

/** Names the kind of connection that was most likely meant. */
function refusalOf({ port }: WantedConnection, targets: TlsParts["targets"], verdicts: TlsParts["verdicts"]): Refusal {
  const likely: Kind = port === 80 ? "http" : "https"
  const verdict = verdicts[likely]
  return { target: targets[likely], reason: verdict.allow ? "no-rule" : verdict.reason }
}
