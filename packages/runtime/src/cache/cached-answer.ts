import type { HeaderList } from "./cacheability.ts"

export interface CachedResponse {
  readonly status: number
  readonly statusText: string
  readonly headers: HeaderList
  readonly body: Uint8Array
}

/** What is kept, as an answer to a request with conditions or a range. */
export function cachedAnswer(kept: CachedResponse, requested: HeaderList, ageSeconds: number): CachedResponse {
  const headers = [
    ...kept.headers.filter(([name]) => !["age", "cf-cache-status"].includes(name.toLowerCase())),
    ["age", String(Math.floor(ageSeconds))] as const,
    ["cf-cache-status", "HIT"] as const,
  ]
  const answer = { ...kept, headers }
  if (isNotModified(kept.headers, requested))
    return { status: 304, statusText: "Not Modified", headers, body: new Uint8Array() }
  const range = kept.status === 200 ? find(requested, "range") : undefined
  return range === undefined ? answer : part(answer, range)
}

/** https://www.rfc-editor.org/rfc/rfc9110#section-13.2.2: If-None-Match wins over If-Modified-Since. */
function isNotModified(kept: HeaderList, requested: HeaderList): boolean {
  const tags = find(requested, "if-none-match")
  const tag = find(kept, "etag")
  if (tags !== undefined && tag !== undefined)
    return tags.trim() === "*" || tags.split(",").some((each) => opaque(each) === opaque(tag))
  const since = Date.parse(find(requested, "if-modified-since") ?? "")
  return Date.parse(find(kept, "last-modified") ?? "") <= since
}

/** The weak comparison. */
function opaque(tag: string): string {
  return tag.trim().replace(/^W\//, "")
}

const oneRange = /^bytes=(\d{0,15})-(\d{0,15})$/

/** One range of bytes; several, or none that can be read, are answered with the whole, as the standard permits. */
function part(answer: CachedResponse, range: string): CachedResponse {
  const [, first = "", last = ""] = oneRange.exec(range.trim()) ?? []
  if (first === "" && last === "") return answer
  const size = answer.body.byteLength
  const start = first === "" ? Math.max(0, size - Number(last)) : Number(first)
  const end = first === "" || last === "" ? size - 1 : Math.min(size - 1, Number(last))
  const others = answer.headers.filter(([name]) => !["content-length", "content-range"].includes(name.toLowerCase()))
  if (start > end) {
    const headers = [...others, ["content-range", `bytes */${size}`] as const]
    return { status: 416, statusText: "Range Not Satisfiable", headers, body: new Uint8Array() }
  }
  const body = answer.body.subarray(start, end + 1)
  const headers = [
    ...others,
    ["content-range", `bytes ${start}-${end}/${size}`] as const,
    ["content-length", String(body.byteLength)] as const,
  ]
  return { status: 206, statusText: "Partial Content", headers, body }
}

function find(headers: HeaderList, wanted: string): string | undefined {
  return headers.find(([name]) => name.toLowerCase() === wanted)?.[1]
}
