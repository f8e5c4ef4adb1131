import type { LedgerRow, NetworkPolicy, OriginRule } from "@mayfly/protocol"
import { canonicalTarget, socketTarget } from "./canonical-target.ts"
import { decide } from "./decide.ts"
import { parsePolicy } from "./parse-policy.ts"
import { canonicalPolicy } from "./policy-hash.ts"

/** What is needed of a row: a request that was made. */
export type SeenRequest = Pick<LedgerRow, "method" | "origin" | "path" | "decision">

/** From this many on, paths of one origin become the folder that they share. */
const manyPaths = 5

/** The smallest policy that allows the requests that were seen and allowed, by origin, method and path. Many paths become their common folder. */
export function learnedPolicy(seen: readonly SeenRequest[]): NetworkPolicy {
  const origins = Map.groupBy(
    seen.filter(({ decision, origin }) => decision === "allow" && origin !== ""),
    ({ origin }) => origin,
  )
  const allowedOrigins = [...origins]
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(([origin, rows]) => ruleOf(origin, rows))
  return canonicalPolicy({ defaultPolicy: "deny", allowedOrigins })
}

/** The requests that `policy` does not allow: what a new version of a program wants beyond it. Each method and path once. */
export function beyondPolicy(policy: NetworkPolicy, seen: readonly SeenRequest[]): readonly SeenRequest[] {
  const parsed = parsePolicy(policy)
  const beyond = seen.filter(({ method, origin, path }) => {
    const target = targetOf(origin, path)
    return target.ok && !decide(parsed, { method, target: target.target }).allow
  })
  return [...new Map(beyond.map((row) => [`${row.method} ${row.origin}${row.path}`, row])).values()]
}

function ruleOf(origin: string, rows: readonly SeenRequest[]): string | OriginRule {
  if (isRaw(origin)) return origin
  const methods = [...new Set(rows.map(({ method }) => method))].toSorted()
  return { origin, methods, paths: pathsOf(new Set(rows.map(({ path }) => path))) }
}

function pathsOf(paths: ReadonlySet<string>): readonly string[] {
  const sorted = [...paths].toSorted()
  if (sorted.length < manyPaths) return sorted
  const [first = "", last = ""] = [sorted[0], sorted.at(-1)]
  let shared = 0
  while (shared < first.length && first[shared] === last[shared]) shared++
  return [`${first.slice(0, first.lastIndexOf("/", shared) + 1)}*`]
}

function isRaw(origin: string): boolean {
  return /^(tcp|tls):/.test(origin)
}

function targetOf(origin: string, path: string): ReturnType<typeof canonicalTarget> {
  if (!isRaw(origin)) return canonicalTarget(`${origin}${path}`)
  const { hostname, port, protocol } = new URL(origin)
  return socketTarget({ host: hostname, port: Number(port), tls: protocol === "tls:" })
}
