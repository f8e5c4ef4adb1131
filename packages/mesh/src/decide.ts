import type { Target } from "./canonical-origin.ts"
import { matchesOrigin, type OriginPattern } from "./origin-pattern.ts"
import type { Policy, PolicyRule } from "./parse-policy.ts"

export interface Outbound {
  readonly method: string
  readonly target: Target
}

export type Verdict =
  | {
      readonly allow: true
      /** The text of the rule, null when the default policy allowed. */
      readonly rule: string | null
      /** The rule spells out this very host, so that it may have a private address. */
      readonly namesHost: boolean
      readonly maxResponseBytes: number | null
    }
  | { readonly allow: false; readonly reason: DenyReason; readonly rule: string | null }

export type DenyReason = "denied-origin" | "no-rule" | "method" | "path" | "ask"

/**
 * Decides about one request; a redirect is another request. Denied origins win. Then one rule that fits in origin,
 * method and path is enough, and of several the most exact one counts. An origin that rules speak about never falls
 * through to the default policy.
 */
export function decide(policy: Policy, { method, target }: Outbound): Verdict {
  const denied = policy.denied.find((pattern) => matchesOrigin(pattern, target))
  if (denied !== undefined) return { allow: false, reason: "denied-origin", rule: denied.text }
  const named = policy.rules.filter((rule) => matchesOrigin(rule.pattern, target))
  if (named.length === 0) return byDefault(policy)
  const inMethod = named.filter((rule) => rule.methods === null || rule.methods.has(method))
  const fitting = inMethod.filter((rule) => allowsPath(rule, target.path))
  const best = fitting.toSorted((a, b) => exactness[a.pattern.kind] - exactness[b.pattern.kind])[0]
  if (best !== undefined) return allowedBy(best)
  const reason = inMethod.length === 0 ? "method" : "path"
  return { allow: false, reason, rule: (inMethod[0] ?? named[0])?.pattern.text ?? null }
}

const exactness: Readonly<Record<OriginPattern["kind"], number>> = { exact: 0, subdomains: 1, any: 2 }

function byDefault({ defaultPolicy }: Policy): Verdict {
  switch (defaultPolicy) {
    case "allow":
      return { allow: true, rule: null, namesHost: false, maxResponseBytes: null }
    case "ask":
      return { allow: false, reason: "ask", rule: null }
    case "deny":
      return { allow: false, reason: "no-rule", rule: null }
  }
}

function allowedBy({ pattern, maxResponseBytes }: PolicyRule): Verdict {
  return { allow: true, rule: pattern.text, namesHost: pattern.kind === "exact", maxResponseBytes }
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
