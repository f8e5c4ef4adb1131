import type { HeaderPairs } from "@mayfly/protocol"
import { canonicalTarget } from "../policy/canonical-target.ts"
import { withoutBodyHeaders, withoutCredentials } from "./request-headers.ts"

/** One request of a chain of redirects. */
export interface Hop {
  readonly url: string
  readonly method: string
  readonly headers: HeaderPairs
  readonly body: Uint8Array | ReadableStream<Uint8Array> | null
  /** Bytes of a streamed body, null when they are not known before it ends. */
  readonly length: number | null
}

/** True for an answer that sends the client elsewhere. */
export function isRedirect(status: number): boolean {
  return [301, 302, 303, 307, 308].includes(status)
}

/** The request that follows a redirect (Fetch standard, HTTP-redirect fetch), or null when the location is no address. */
export function nextHop(hop: Hop, status: number, location: string): Hop | null {
  if (!URL.canParse(location, hop.url)) return null
  const url = new URL(location, hop.url).href
  const becomesGet = status === 303 ? hop.method !== "HEAD" : status <= 302 && hop.method === "POST"
  const headers = sameOrigin(hop.url, url) ? hop.headers : withoutCredentials(hop.headers)
  if (!becomesGet) return { ...hop, url, headers }
  return { url, method: "GET", headers: withoutBodyHeaders(headers), body: null, length: null }
}

function sameOrigin(from: string, to: string): boolean {
  const [a, b] = [canonicalTarget(from), canonicalTarget(to)]
  return a.ok && b.ok && a.target.origin === b.target.origin
}
