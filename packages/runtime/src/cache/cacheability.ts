import CachePolicy from "http-cache-semantics"

export type HeaderList = readonly (readonly [name: string, value: string])[]

export interface CacheRequest {
  readonly url: string
  readonly headers: HeaderList
}

export interface Cacheable {
  readonly policy: CachePolicy
  /** What is kept. */
  readonly headers: HeaderList
}

/** Seconds that Cloudflare keeps an answer that says nothing itself, by status. */
const defaultSeconds: Readonly<Record<number, number>> = {
  200: 7_200,
  301: 7_200,
  302: 1_200,
  303: 1_200,
  404: 180,
  410: 180,
}

const hopByHop = new Set([
  "connection",
  "keep-alive",
  "proxy-authenticate",
  "proxy-connection",
  "te",
  "trailer",
  "transfer-encoding",
  "upgrade",
])

/**
 * Whether a response may be kept for later requests, and how. Undefined when not: for no-store, private, an age of zero, Set-Cookie. As at
 * Cloudflare, `Cache-Control: private=set-cookie` takes the cookie out, and a request's own Cache-Control has no say.
 */
export function cacheable(
  request: CacheRequest,
  response: { readonly status: number; readonly headers: HeaderList },
): Cacheable | undefined {
  const kept = response.headers.filter(([name]) => !hopByHop.has(name.toLowerCase()))
  const headers = recordOf(kept)
  const control = headers["cache-control"] ?? ""
  const dropsCookie = /private\s*=\s*"?set-cookie"?/i.test(control)
  if (!dropsCookie && "set-cookie" in headers) return undefined
  const { "set-cookie": _, ...judged } = headers
  const given = withLifetime(judged, control, response.status)
  if (given === undefined) return undefined
  // What says how long it lasts is kept whatever its status; partial answers and upgrades do not come here.
  const policy = new CachePolicy(policyRequest(request), { status: 200, headers: given }, { shared: true })
  if (!policy.storable() || policy.timeToLive() <= 0) return undefined
  return { policy, headers: kept.filter(([name]) => name.toLowerCase() !== "set-cookie") }
}

/** Whether what is kept under `policy` is fresh, and an answer to this request: its Vary headers agree. */
export function isFresh(policy: CachePolicy, request: CacheRequest): boolean {
  return policy.satisfiesWithoutRevalidation(policyRequest(request))
}

function policyRequest({ url, headers }: CacheRequest): {
  url: string
  method: string
  headers: Record<string, string>
} {
  const { "cache-control": _control, pragma: _pragma, ...rest } = recordOf(headers)
  return { url: url.split("#", 1)[0] ?? "", method: "GET", headers: rest }
}

/** Undefined when neither the headers nor the status say how long. */
function withLifetime(
  headers: Record<string, string>,
  given: string,
  status: number,
): Record<string, string> | undefined {
  const control = given.replace(/private\s*=\s*"?set-cookie"?\s*[,;]?/i, "").trim()
  const saysItself = /(?:^|[\s,])(?:s-maxage|max-age)\s*=/i.test(control) || headers["expires"] !== undefined
  const seconds = defaultSeconds[status]
  if (!saysItself && seconds === undefined) return undefined
  const lifetime = saysItself ? [] : [`max-age=${seconds}`]
  return { ...headers, "cache-control": [control, ...lifetime].filter((part) => part !== "").join(", ") }
}

function recordOf(headers: HeaderList): Record<string, string> {
  const record: Record<string, string> = Object.create(null)
  for (const [given, value] of headers) {
    const name = given.toLowerCase()
    const known = record[name]
    record[name] = known === undefined ? value : `${known}, ${value}`
  }
  return record
}
