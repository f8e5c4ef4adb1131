import type { Target } from "./canonical-target.ts"
import type { AuthRule, PlaceholderRule } from "./credential-rule.ts"
import type { HeaderRule } from "./header-rule.ts"
import type { Policy, PolicyRule } from "./parse-policy.ts"
import { indexPolicy } from "./policy-index.ts"

export interface Outbound {
  readonly method: string
  readonly target: Target
}

export type Verdict = Allowed | Denied

export interface Allowed {
  readonly allow: true
  /** The text of the rule, null when the default policy allowed. */
  readonly rule: string | null
  /** The rule spells out this very host, so that it may have a private address. */
  readonly namesHost: boolean
  readonly maxRequestBytes: number | null
  readonly maxResponseBytes: number | null
  readonly headers: readonly HeaderRule[]
  readonly auth: AuthRule | null
  readonly placeholders: readonly PlaceholderRule[]
  /** Method or path were looked at: no header may tell the server another one. */
  readonly isNarrow: boolean
  /** Rules that count requests. The caller takes one from each. */
  readonly counted: readonly PolicyRule[]
}

export interface Denied {
  readonly allow: false
  readonly reason: DenyReason
  readonly rule: string | null
}

export type DenyReason = "denied-origin" | "no-rule" | "method" | "path" | "tunnel" | "ask"

/** What is decided about a connection whose requests cannot be seen yet. */
export type ConnectionVerdict =
  | {
      readonly allow: true
      readonly rule: string | null
      readonly namesHost: boolean
      /** The rule limits methods, paths, sizes or headers: whoever opens the connection must look at its requests. */
      readonly needsRequests: boolean
    }
  | Denied

/**
 * Decides about one request; a redirect is another request. Denied origins win. Then one rule that fits in origin,
 * method and path is enough, and of several the most exact one counts. An origin that rules speak about never falls
 * through to the default policy. A policy within another allows what both allow.
 */
export function decide(policy: Policy, outbound: Outbound): Verdict {
  const verdict = decideLayer(policy, outbound)
  if (policy.within === null) return verdict
  const outer = decide(policy.within, outbound)
  if (!verdict.allow || !outer.allow) return stricter(verdict, outer)
  return bothAllow(verdict, outer)
}

/**
 * Decides about a connection by host and port alone, for those who see no request before they open one: a tunnel of a
 * proxy, or a raw connection.
 */
export function decideConnection(policy: Policy, target: Target): ConnectionVerdict {
  const verdict = connectLayer(policy, target)
  if (policy.within === null) return verdict
  const outer = decideConnection(policy.within, target)
  if (!verdict.allow || !outer.allow) return stricter(verdict, outer)
  return {
    allow: true,
    rule: verdict.rule ?? outer.rule,
    namesHost: verdict.namesHost && outer.namesHost,
    needsRequests: verdict.needsRequests || outer.needsRequests,
  }
}

function decideLayer(policy: Policy, { method, target }: Outbound): Verdict {
  const index = indexPolicy(policy)
  const denied = index.denied(target)
  if (denied !== null) return { allow: false, reason: "denied-origin", rule: denied.text }
  const named = index.rules(target)
  if (named.length === 0) return byDefault(policy, target)
  let inMethod: PolicyRule | undefined
  for (const rule of named) {
    if (rule.methods !== null && !rule.methods.has(method)) continue
    if (allowsPath(rule, target.path)) return allowedBy(rule)
    inMethod ??= rule
  }
  const reason = inMethod === undefined ? "method" : "path"
  return { allow: false, reason, rule: (inMethod ?? named[0])?.pattern.text ?? null }
}

function connectLayer(policy: Policy, target: Target): ConnectionVerdict {
  const index = indexPolicy(policy)
  const denied = index.denied(target)
  if (denied !== null) return { allow: false, reason: "denied-origin", rule: denied.text }
  const [rule] = index.rules(target)
  if (rule !== undefined) {
    const { text, kind } = rule.pattern
    return { allow: true, rule: text, namesHost: kind === "exact", needsRequests: limitsRequests(rule) }
  }
  const verdict = byDefault(policy, target)
  return verdict.allow ? { allow: true, rule: null, namesHost: false, needsRequests: false } : verdict
}

function byDefault({ defaultPolicy }: Policy, { scheme }: Target): Verdict {
  // Raw connections carry any protocol: only a rule opens them, and nobody is asked.
  if (scheme === "tcp" || scheme === "tls") return { allow: false, reason: "no-rule", rule: null }
  switch (defaultPolicy) {
    case "allow":
      return { ...unlimited, namesHost: false }
    case "ask":
      return { allow: false, reason: "ask", rule: null }
    case "deny":
      return { allow: false, reason: "no-rule", rule: null }
  }
}

/** An attempt that no rule is about, which may be made all the same. */
export const unlimited = {
  allow: true,
  rule: null,
  maxRequestBytes: null,
  maxResponseBytes: null,
  headers: [],
  auth: null,
  placeholders: [],
  isNarrow: false,
  counted: [],
} as const

function allowedBy(rule: PolicyRule): Allowed {
  const { pattern, maxRequestBytes, maxResponseBytes, headers, auth, placeholders } = rule
  const counted = rule.maxRequests === null && rule.rate === null ? unlimited.counted : [rule]
  const namesHost = pattern.kind === "exact"
  const added = { headers, auth, placeholders, isNarrow: rule.methods !== null || rule.paths !== null }
  return { allow: true, rule: pattern.text, namesHost, maxRequestBytes, maxResponseBytes, ...added, counted }
}

function bothAllow(inner: Allowed, outer: Allowed): Allowed {
  const outerNames = new Set(outer.headers.map(({ name }) => name))
  return {
    allow: true,
    rule: inner.rule ?? outer.rule,
    namesHost: inner.namesHost && outer.namesHost,
    maxRequestBytes: smaller(inner.maxRequestBytes, outer.maxRequestBytes),
    maxResponseBytes: smaller(inner.maxResponseBytes, outer.maxResponseBytes),
    // The outer policy is its author's word about headers; an inner one may add to it, and not contradict.
    headers: [
      ...outer.headers,
      ...inner.headers.filter(({ name }) => !outerNames.has(name) && (outer.auth === null || name !== "authorization")),
    ],
    auth: outer.auth ?? (outerNames.has("authorization") ? null : inner.auth),
    placeholders: [...outer.placeholders, ...inner.placeholders],
    isNarrow: inner.isNarrow || outer.isNarrow,
    counted: [...inner.counted, ...outer.counted],
  }
}

/** Of two of which at least one denies. Asking is less strict than denying. */
function stricter(inner: { readonly allow: true } | Denied, outer: { readonly allow: true } | Denied): Denied {
  if (inner.allow) return outer as Denied
  if (outer.allow || outer.reason === "ask") return inner
  return inner.reason === "ask" ? outer : inner
}

function smaller(one: number | null, other: number | null): number | null {
  if (one === null || other === null) return one ?? other
  return Math.min(one, other)
}

function limitsRequests(rule: PolicyRule): boolean {
  const { methods, paths, headers, maxRequests, maxRequestBytes, maxResponseBytes, rate, pattern } = rule
  // Nobody sees requests in a raw connection; its bytes and its number are what is limited.
  if (/^(tcp|tls):/.test(pattern.text)) return false
  const limits = [methods, paths, maxRequests, maxRequestBytes, maxResponseBytes, rate, rule.auth]
  return headers.length > 0 || rule.placeholders.length > 0 || limits.some((limit) => limit !== null)
}

function allowsPath({ paths }: PolicyRule, path: string): boolean {
  if (paths === null) return true
  return !isAmbiguous.test(path) && paths.some((allowed) => matchesPath(allowed, path))
}

function matchesPath(allowed: string, path: string): boolean {
  return allowed.endsWith("*") ? path.startsWith(allowed.slice(0, -1)) : path === allowed
}

// "/v1/..%2fadmin" begins with /v1/ here and is /admin to a server that decodes first; likewise encoded twice, and
// "..;" for servers that cut path parameters. Such a path fits no rule that limits paths.
const isAmbiguous = /%(25)*(2f|5c|00)|%(25)+2e|\/\.\.?(;|%(25)*3b)/i
