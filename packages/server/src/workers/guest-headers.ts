/** What an answer of a guest's may say about itself. Everything else could speak for our origin: cookies, policies, reports, other services. */
const answered = new Set([
  "accept-ranges",
  "allow",
  "content-disposition",
  "content-encoding",
  "content-language",
  "content-range",
  "content-type",
  "etag",
  "last-modified",
  "retry-after",
  "vary",
])

/** Names of its own are let through, except those that browsers or proxies in front of us obey. */
const obeyed =
  /^x-(?:accel|frame|content|xss|dns|permitted|forwarded|real|original|request-id|sendfile|lighttpd|litespeed|reproxy|webkit|ua|download|powered|mayfly|http-method|aspnet|robots)(?:-|$)/

/** The guest's headers that the client gets. `Location` is the business of `guestLocation`. */
export function answerHeaders(given: Headers): Headers {
  const headers = new Headers()
  for (const [name, value] of given)
    if (answered.has(name) || (name.startsWith("x-") && !obeyed.test(name))) headers.append(name, value)
  // Shared caches must not give one caller's answer to another.
  headers.set("cache-control", "no-store")
  return headers
}

/** Of the connection to us, or proofs of who calls. */
const ours = new Set([
  "authorization",
  "connection",
  "cookie",
  "expect",
  "forwarded",
  "host",
  "idempotency-key",
  "keep-alive",
  "te",
  "trailer",
  "transfer-encoding",
  "upgrade",
  "via",
])
const oursToo = /^(?:proxy-|sec-websocket-|x-forwarded-|x-real-ip$|x-original-|x-mayfly-)/

/** The client's headers that a guest sees: never a key, and nothing about the connection. */
export function requestHeaders(given: Headers): Headers {
  const named = new Set((given.get("connection") ?? "").split(",").map((name) => name.trim().toLowerCase()))
  const headers = new Headers()
  for (const [name, value] of given)
    if (!ours.has(name) && !oursToo.test(name) && !named.has(name)) headers.append(name, value)
  return headers
}

export interface LocationPlace {
  /** The address that the guest was called by. */
  readonly guestUrl: URL
  /** Where its paths lie on this server: `/v1/workers/NAME/fetch`. */
  readonly prefix: string
  /** The Host header of the request. */
  readonly host: string
}

/**
 * Where a guest's redirect leads. Clients follow it with their method, their body and, on our origin, their key: so it may lead to the guest's own
 * paths, or to another host, and nowhere else here.
 */
export function guestLocation(location: string, { guestUrl, prefix, host }: LocationPlace): string | undefined {
  if (!URL.canParse(location, guestUrl.href)) return undefined
  const url = new URL(location, guestUrl)
  if (url.origin === guestUrl.origin) return `${prefix}${url.pathname}${url.search}${url.hash}`
  if (url.protocol !== "http:" && url.protocol !== "https:") return undefined
  return isHere(url.hostname, host) ? undefined : url.href
}

function isHere(hostname: string, host: string): boolean {
  const bare = hostname.replace(/\.$/, "")
  const own = URL.canParse(`http://${host}`) ? new URL(`http://${host}`).hostname.replace(/\.$/, "") : host
  return bare === own || bare === "localhost" || bare.endsWith(".localhost") || /^(?:127\.|0\.|\[)/.test(bare)
}
