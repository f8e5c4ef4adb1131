import { getPublicSuffix } from "tldts"
import {
  addressOf,
  canonicalTarget,
  type Scheme,
  socketTarget,
  type Target,
  type TargetProblem,
} from "./canonical-target.ts"

/** Which origins a rule speaks about. */
export type OriginPattern =
  /** "https://api.example.com": this scheme, host and port. */
  | { readonly kind: "exact"; readonly text: string; readonly origin: string }
  /** "https://*.example.com": every host below that one, at any depth, but not that one itself. */
  | {
      readonly kind: "subdomains"
      readonly text: string
      readonly scheme: Scheme
      readonly suffix: string
      readonly port: number
    }
  /** "https://*", every host and port of a scheme; "*", every one of http and https. */
  | { readonly kind: "any"; readonly text: string; readonly scheme: Scheme | null }

export type ParsedPattern =
  | { readonly ok: true; readonly pattern: OriginPattern }
  | { readonly ok: false; readonly problem: string }

/** Reads a pattern, or says in words what is wrong with it. */
export function parseOriginPattern(text: string): ParsedPattern {
  if (text === "*") return { ok: true, pattern: { kind: "any", text, scheme: null } }
  const [, given, wildcard, rest] = /^(https?|tcp|tls):\/\/(\*\.)?(.*)$/is.exec(text) ?? []
  if (given === undefined || rest === undefined) {
    return bad(`must begin with https://, http://, tls:// or tcp://, for instance "https://${hostIn(text)}"`)
  }
  const scheme = given.toLowerCase() as Scheme
  const isRaw = scheme === "tcp" || scheme === "tls"
  if (rest === "*" && wildcard === undefined) {
    if (isRaw) return bad("must name a host and a port")
    return { ok: true, pattern: { kind: "any", text: `${scheme}://*`, scheme } }
  }
  // The WHATWG parser drops tabs and line breaks and turns backslashes; in a policy they are mistakes or tricks.
  if (/[\s\\]/.test(rest)) return bad("must not contain white space or backslashes")
  const parsed = isRaw ? rawTarget(scheme, rest) : canonicalTarget(`${scheme}://${rest}`)
  if (!parsed.ok) return bad(problems[parsed.problem])
  if (!/^[^/?#]+\/?$/.test(rest)) return bad(`must be an origin without a path; write { origin, paths: ["/…"] }`)
  return wildcard === undefined ? exact(parsed.target) : subdomains(parsed.target)
}

/** True for a pattern that covers hosts of unrelated owners, which a policy must ask for with `allowAll`. */
export function isOverBroad(pattern: OriginPattern): boolean {
  return pattern.kind === "any" || (pattern.kind === "subdomains" && isPublicSuffix(pattern.suffix))
}

/**
 * True when hosts of unrelated owners lie between a wildcard and the host that it matches: "*.amazonaws.com" is not
 * meant to cover what anybody stores below s3.amazonaws.com.
 */
export function crossesPublicSuffix(suffix: string, host: string): boolean {
  const found = getPublicSuffix(host, suffixOptions)
  return found !== null && found.length >= suffix.length
}

// Private suffixes too: "github.io" belongs to one company, and what is below it to anybody.
const suffixOptions = { allowPrivateDomains: true }

function isPublicSuffix(suffix: string): boolean {
  return getPublicSuffix(suffix, suffixOptions) === suffix
}

const problems: Readonly<Record<TargetProblem, string>> = {
  url: "is not an origin",
  scheme: "must begin with https://, http://, tls:// or tcp://",
  userinfo: "must not contain a user name or password",
  host: `has a host that no request can have; a wildcard is the whole first label, as in "https://*.example.com"`,
  port: `must name a port, as in "tcp://db.example.com:5432"`,
}

function rawTarget(scheme: "tcp" | "tls", rest: string): ReturnType<typeof socketTarget> {
  const [, host, port] = /^([^/?#]*):(\d{1,5})\/?$/.exec(rest) ?? []
  if (host === undefined || port === undefined) return { ok: false, problem: "port" }
  if (host.includes("@")) return { ok: false, problem: "userinfo" }
  return socketTarget({ host, port: Number(port), tls: scheme === "tls" })
}

function exact({ origin }: Target): ParsedPattern {
  return { ok: true, pattern: { kind: "exact", text: origin, origin } }
}

function subdomains({ scheme, host, port, origin }: Target): ParsedPattern {
  if (addressOf(host) !== null) return bad("must not have a wildcard before an address")
  const text = origin.replace("://", "://*.")
  return { ok: true, pattern: { kind: "subdomains", text, scheme, suffix: host, port } }
}

/** What an author may have meant by a text without scheme, for the message only. */
function hostIn(text: string): string {
  return /^[a-z0-9*.:-]{1,100}$/i.test(text) ? text : "api.example.com"
}

function bad(problem: string): ParsedPattern {
  return { ok: false, problem }
}
