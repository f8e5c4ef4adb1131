import { crossesPublicSuffix, type OriginPattern } from "./origin-pattern.ts"
import type { Policy } from "./parse-policy.ts"

/** What a policy says about hosts whatever the scheme and port: all that a question to a name server tells. */
interface NamedHosts {
  readonly exact: ReadonlySet<string>
  readonly suffixes: ReadonlySet<string>
  readonly any: boolean
  readonly ports: ReadonlySet<number>
}

const indexes = new WeakMap<Policy, NamedHosts>()

/** True when some connection to the host may be allowed, or somebody can be asked. Deciding is left to the connection. */
export function mayReachHost(policy: Policy, host: string): boolean {
  if (policy.within !== null && !mayReachHost(policy.within, host)) return false
  const { exact, suffixes, any } = namedHosts(policy)
  if (policy.defaultPolicy !== "deny" || any || exact.has(host)) return true
  for (let dot = host.indexOf("."); dot !== -1; dot = host.indexOf(".", dot + 1)) {
    const suffix = host.slice(dot + 1)
    if (suffixes.has(suffix) && (policy.allowAll || !crossesPublicSuffix(suffix, host))) return true
  }
  return false
}

/** The ports on which a policy may allow something; 80 and 443 are always among them, so that refusals can be explained there. */
export function portsOf(policy: Policy): readonly number[] {
  const ports = new Set([80, 443])
  for (let layer: Policy | null = policy; layer !== null; layer = layer.within) {
    for (const port of namedHosts(layer).ports) ports.add(port)
  }
  return [...ports].toSorted((one, other) => one - other)
}

function namedHosts(policy: Policy): NamedHosts {
  let found = indexes.get(policy)
  if (found === undefined) indexes.set(policy, (found = hostsIn(policy.rules.map(({ pattern }) => pattern))))
  return found
}

function hostsIn(patterns: readonly OriginPattern[]): NamedHosts {
  const exact = new Set<string>()
  const suffixes = new Set<string>()
  const ports = new Set<number>()
  let any = false
  for (const pattern of patterns) {
    if (pattern.kind === "any") any = true
    else if (pattern.kind === "subdomains") {
      suffixes.add(pattern.suffix)
      ports.add(pattern.port)
    } else {
      const { host, port } = endOf(pattern.origin)
      exact.add(host)
      ports.add(port)
    }
  }
  return { exact, suffixes, any, ports }
}

/** An origin in its canonical spelling: "https://api.example.com", "tcp://[2001:db8::1]:22". */
function endOf(origin: string): { readonly host: string; readonly port: number } {
  const [scheme = "", rest = ""] = origin.split("://")
  const [, host = rest, port] = /^(.*):(\d+)$/.exec(rest.endsWith("]") ? "" : rest) ?? []
  return { host, port: port === undefined ? (scheme === "https" ? 443 : 80) : Number(port) }
}
