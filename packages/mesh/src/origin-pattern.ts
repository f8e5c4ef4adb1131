import { addressOf, canonicalTarget, type Target } from "./canonical-origin.ts"

/** Which origins a rule speaks about. */
export type OriginPattern =
  /** "https://api.example.com": this scheme, host and port. */
  | { readonly kind: "exact"; readonly text: string; readonly origin: string }
  /** "https://*.example.com": every host below that one, at any depth, but not that one itself. */
  | {
      readonly kind: "subdomains"
      readonly text: string
      readonly scheme: string
      readonly suffix: string
      readonly port: number
    }
  /** "*" or "https://*": every host and port. */
  | { readonly kind: "any"; readonly text: string; readonly scheme: string | null }

export type ParsedPattern =
  | { readonly ok: true; readonly pattern: OriginPattern }
  | { readonly ok: false; readonly problem: string }

/** Reads a pattern, or says in words what is wrong with it. */
export function parseOriginPattern(text: string): ParsedPattern {
  if (text === "*") return { ok: true, pattern: { kind: "any", text, scheme: null } }
  const [, scheme, wildcard, rest] = /^(https?):\/\/(\*\.)?(.*)$/is.exec(text) ?? []
  if (scheme === undefined || rest === undefined) {
    return bad(`must begin with http:// or https://, for instance "https://${hostIn(text)}"`)
  }
  if (rest === "*" && wildcard === undefined) {
    const lower = scheme.toLowerCase()
    return { ok: true, pattern: { kind: "any", text: `${lower}://*`, scheme: lower } }
  }
  // The WHATWG parser drops tabs and line breaks and turns backslashes; in a policy they are mistakes or tricks.
  if (/[\s\\]/.test(rest)) return bad("must not contain white space or backslashes")
  const parsed = canonicalTarget(`${scheme}://${rest}`)
  if (!parsed.ok) return bad(problems[parsed.problem])
  if (!/^[^/?#]+\/?$/.test(rest)) return bad(`must be an origin without a path; write { origin, paths: ["/…"] }`)
  return wildcard === undefined ? exact(parsed.target) : subdomains(parsed.target)
}

/** True when the pattern speaks about the origin of a target. */
export function matchesOrigin(pattern: OriginPattern, target: Target): boolean {
  switch (pattern.kind) {
    case "exact":
      return pattern.origin === target.origin
    case "subdomains":
      return (
        pattern.scheme === target.scheme && pattern.port === target.port && target.host.endsWith(`.${pattern.suffix}`)
      )
    case "any":
      return pattern.scheme === null || pattern.scheme === target.scheme
  }
}

/** True for a pattern that covers hosts of unrelated owners, which a policy must ask for with `allowAll`. */
export function isOverBroad(pattern: OriginPattern): boolean {
  return pattern.kind === "any" || (pattern.kind === "subdomains" && isPublicSuffix(pattern.suffix))
}

const problems = {
  url: "is not an origin",
  scheme: "must begin with http:// or https://",
  userinfo: "must not contain a user name or password",
  host: `has a host that no request can have; a wildcard is the whole first label, as in "https://*.example.com"`,
}

function exact({ origin }: Target): ParsedPattern {
  return { ok: true, pattern: { kind: "exact", text: origin, origin } }
}

function subdomains({ scheme, host, port, origin }: Target): ParsedPattern {
  if (addressOf(host) !== null) return bad("must not have a wildcard before an address")
  const text = origin.replace("://", "://*.")
  return { ok: true, pattern: { kind: "subdomains", text, scheme, suffix: host, port } }
}

/** "com", and the likes of "co.uk". Not the whole public suffix list: hosting domains such as github.io are not known. */
function isPublicSuffix(suffix: string): boolean {
  return !suffix.includes(".") || /^(ac|co|com|edu|gov|go|ne|net|or|org)\.[a-z]{2}$/.test(suffix)
}

/** What an author may have meant by a text without scheme, for the message only. */
function hostIn(text: string): string {
  return /^[a-z0-9*.:-]{1,100}$/i.test(text) ? text : "api.example.com"
}

function bad(problem: string): ParsedPattern {
  return { ok: false, problem }
}
