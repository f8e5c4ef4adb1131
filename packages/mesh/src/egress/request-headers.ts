import type { HeaderPairs } from "@mayfly/protocol"
import { connectionHeaders } from "../policy/connection-headers.ts"

export type CheckedHeaders =
  | { readonly ok: true; readonly headers: HeaderPairs }
  | { readonly ok: false; readonly problem: string }

/**
 * The headers that leave, from those that a guest gave. Dropped: what belongs to the connection and not to the request,
 * and what the policy's rule speaks about (`ruled`, lower-case). Refused: what cannot be a header, such as a value with a
 * line break.
 */
export function outgoingHeaders(given: HeaderPairs, ruled: ReadonlySet<string> = new Set()): CheckedHeaders {
  const problem = problemOf(given)
  if (problem !== null) return { ok: false, problem }
  const named = listedIn(given, "connection")
  const isKept = (name: string): boolean => !connectionHeaders.has(name) && !named.has(name) && !ruled.has(name)
  const kept = given.filter(([name]) => isKept(name.toLowerCase()))
  const has = (wanted: string): boolean => kept.some(([name]) => name.toLowerCase() === wanted)
  // A range counts bytes of the encoded form, so it only makes sense without encoding.
  const encoding = has("range") ? "identity" : "gzip, deflate, br"
  const agent: HeaderPairs = has("user-agent") || ruled.has("user-agent") ? [] : [["user-agent", "mayfly"]]
  return { ok: true, headers: [...kept, ...agent, ["accept-encoding", encoding]] }
}

/** The headers that a guest gets to see. With `decoded`, those that described the encoded body are gone. */
export function incomingHeaders(
  received: Readonly<Record<string, string | string[] | undefined>>,
  { decoded }: { readonly decoded: boolean },
): HeaderPairs {
  const all = Object.entries(received).flatMap(([name, value]) =>
    [value ?? []].flat().map((one): readonly [string, string] => [name.toLowerCase(), one]),
  )
  const named = listedIn(all, "connection")
  return all.filter(([name]) => {
    if (connectionHeaders.has(name) && name !== "content-length") return false
    return !named.has(name) && !(decoded && (name === "content-length" || name === "content-encoding"))
  })
}

/** Drops what only the first origin may see. */
export function withoutCredentials(headers: HeaderPairs): HeaderPairs {
  return headers.filter(([name]) => !["authorization", "cookie", "proxy-authorization"].includes(name.toLowerCase()))
}

/** Drops what describes a body, for a request that lost its own. */
export function withoutBodyHeaders(headers: HeaderPairs): HeaderPairs {
  return headers.filter(([name]) => !name.toLowerCase().startsWith("content-"))
}

const maxHeaders = 256
const maxHeaderBytes = 64 * 1024

function problemOf(headers: HeaderPairs): string | null {
  if (headers.length > maxHeaders) return `more than ${maxHeaders} headers`
  const bytes = headers.reduce((sum, [name, value]) => sum + name.length + value.length, 0)
  if (bytes > maxHeaderBytes) return `more than ${maxHeaderBytes} bytes of headers`
  const bad = headers.find(([name, value]) => !isToken.test(name) || !isValue.test(value))
  return bad === undefined ? null : `${JSON.stringify(bad[0].slice(0, 100))} is no valid header`
}

// RFC 9110, 5.1 and 5.5.
const isToken = /^[!#$%&'*+.^_`|~0-9a-z-]+$/i
const isValue = /^[\t\x20-\x7e\x80-\xff]*$/

function listedIn(headers: HeaderPairs, header: string): Set<string> {
  const values = headers.filter(([name]) => name.toLowerCase() === header).map(([, value]) => value)
  return new Set(values.flatMap((value) => value.toLowerCase().split(",")).map((name) => name.trim()))
}
