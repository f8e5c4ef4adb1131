import ipaddr from "ipaddr.js"

/** One address in the only spelling that policies and the dialler see. */
export interface Target {
  /** Scheme, host and, unless it is the default one, port: "https://api.example.com". */
  readonly origin: string
  readonly scheme: Scheme
  /** Lower-case, punycode, no trailing dot; an IPv6 address is in brackets. */
  readonly host: string
  readonly port: number
  /** Without the query. Begins with a slash; dot segments are resolved. Empty for a raw connection. */
  readonly path: string
  /** Path and query, as sent. */
  readonly pathAndQuery: string
  /** The whole address without fragment. */
  readonly url: string
}

/** "tcp" and "tls" are raw connections. */
export type Scheme = "http" | "https" | "tcp" | "tls"

export type TargetProblem = "url" | "scheme" | "userinfo" | "host" | "port"

export type CanonicalTarget =
  | { readonly ok: true; readonly target: Target }
  | { readonly ok: false; readonly problem: TargetProblem }

/**
 * Brings an address into its one spelling, or says what is wrong with it. The WHATWG parser (the one that guests have)
 * lower-cases, applies punycode and reads IPv4 in its short, octal and hexadecimal forms. On top of it: userinfo is
 * refused (it disguises hosts and carries credentials), and spellings that it keeps apart are made one.
 */
export function canonicalTarget(text: string): CanonicalTarget {
  if (text.length > maxUrlLength || !URL.canParse(text)) return { ok: false, problem: "url" }
  const url = new URL(text)
  const scheme = schemeOf(url.protocol)
  if (scheme === null) return { ok: false, problem: "scheme" }
  if (url.username !== "" || url.password !== "") return { ok: false, problem: "userinfo" }
  const host = canonicalHost(url.hostname)
  if (host === null) return { ok: false, problem: "host" }
  const origin = `${scheme}://${host}${url.port === "" ? "" : `:${url.port}`}`
  const pathAndQuery = url.pathname + url.search
  const port = url.port === "" ? defaultPorts[scheme] : Number(url.port)
  const target = { origin, scheme, host, port, path: url.pathname, pathAndQuery, url: origin + pathAndQuery }
  return { ok: true, target }
}

/** The same for a WebSocket's address, which is decided about as the http or https address that its handshake goes to. */
export function webSocketTarget(text: string): CanonicalTarget {
  const match = /^\s*ws(s?):/i.exec(text)
  if (match === null) return canonicalTarget(text)
  return canonicalTarget(`http${match[1] ?? ""}:${text.slice(match[0].length)}`)
}

/** The same for a raw connection. An IPv6 address may be given with or without brackets. */
export function socketTarget({ host, port, tls }: { host: string; port: number; tls: boolean }): CanonicalTarget {
  if (!Number.isInteger(port) || port < 1 || port > 65_535) return { ok: false, problem: "port" }
  const text = ipaddr.IPv6.isValid(host) ? `[${host}]` : host
  // What has a meaning of its own in a URL must not get it here: "good.example/@evil.example".
  if (!/^(?:[^\s/?#@\\:%[\]]+|\[[0-9a-f:.]+\])$/i.test(text)) return { ok: false, problem: "host" }
  const parsed = canonicalTarget(`http://${text}:${port}`)
  if (!parsed.ok) return { ok: false, problem: "host" }
  const scheme = tls ? "tls" : "tcp"
  const origin = `${scheme}://${parsed.target.host}:${port}`
  return {
    ok: true,
    target: { ...parsed.target, origin, scheme, port, path: "", pathAndQuery: "", url: origin },
  }
}

/** The same end without anything of a request, for a connection that carries many, or none. */
export function withoutPath(target: Target): Target {
  return { ...target, path: "", pathAndQuery: "", url: target.origin }
}

/** The address that a host is, without brackets; null when it is a name. */
export function addressOf(host: string): string | null {
  const text = host.startsWith("[") ? host.slice(1, -1) : host
  return ipaddr.isValid(text) ? text : null
}

const defaultPorts = { http: 80, https: 443 } as const
const maxUrlLength = 65_536

function schemeOf(protocol: string): "http" | "https" | null {
  if (protocol === "http:") return "http"
  return protocol === "https:" ? "https" : null
}

function canonicalHost(hostname: string): string | null {
  if (hostname.startsWith("[")) return canonicalAddress(hostname.slice(1, -1))
  // "example.com." is example.com to DNS and to servers, but another string to a policy.
  const host = hostname.endsWith(".") ? hostname.slice(0, -1) : hostname
  return host.length <= 253 && host.split(".").every((part) => label.test(part)) ? host : null
}

// The WHATWG parser lets "*", "!", "," and more through; none of them is in the name of a real host.
const label = /^[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?$/

/** An IPv4 address in IPv6 clothes (::ffff:7f00:1) becomes the IPv4 address that is dialled. */
function canonicalAddress(text: string): string {
  const address = ipaddr.IPv6.parse(text)
  return address.isIPv4MappedAddress() ? address.toIPv4Address().toString() : `[${text}]`
}
