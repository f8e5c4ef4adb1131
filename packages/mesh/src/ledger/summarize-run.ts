import type { RecordedRow, RunSummary } from "@mayfly/protocol"

const maxLines = 20

type Did = "read" | "sent" | "deleted" | "refused" | "failed" | "unknown" | "pending"

interface Group {
  readonly did: Did
  readonly host: string
  readonly reason: string | null
  count: number
}

/** What a run did, from its rows in any order, in bounded memory. */
export async function summarizeRun(runId: string, pages: AsyncIterable<readonly RecordedRow[]>): Promise<RunSummary> {
  const groups = new Map<string, Group>()
  const totals = { attempts: 0, refused: 0, bytesIn: 0, bytesOut: 0 }
  let more = 0
  for await (const rows of pages) {
    for (const row of rows) {
      totals.attempts += 1
      totals.refused += row.decision === "deny" ? 1 : 0
      totals.bytesIn += row.bytesIn
      totals.bytesOut += row.bytesOut
      if (!count(groups, row)) more += 1
    }
  }
  const lines = [...groups.values()].map(lineOf)
  if (more > 0) lines.push(`did ${more} more ${more === 1 ? "thing" : "things"} elsewhere`)
  return { runId, ...totals, lines, text: sentenceOf(runId, lines) }
}

/** False when there are groups enough already. */
function count(groups: Map<string, Group>, row: RecordedRow): boolean {
  const did = didOf(row)
  const reason = did === "refused" ? row.reason : null
  const key = JSON.stringify([did, row.origin, reason])
  const group = groups.get(key)
  if (group !== undefined) group.count += 1
  else if (groups.size < maxLines) groups.set(key, { did, host: hostOf(row.origin), reason, count: 1 })
  else return false
  return true
}

function didOf({ decision, outcome, status, method }: RecordedRow): Did {
  if (decision === "deny") return "refused"
  if (outcome !== "known") return outcome
  if (status === null) return "failed"
  if (method === "DELETE") return "deleted"
  return ["GET", "HEAD", "OPTIONS"].includes(method) ? "read" : "sent"
}

function lineOf({ did, host, reason, count: times }: Group): string {
  const often = times === 1 ? "once" : `${times} times`
  switch (did) {
    case "read":
      return `read ${often} from ${host}`
    case "sent":
      return `sent ${often} to ${host}`
    case "deleted":
      return `deleted ${often} at ${host}`
    case "refused":
      return `was refused ${host}${times === 1 ? "" : ` ${often}`}${reason === null ? "" : ` (${reason})`}`
    case "failed":
      return `could not reach ${host}${times === 1 ? "" : ` ${often}`}`
    case "unknown":
      return `may have reached ${host} ${often}; a crash took the outcome`
    case "pending":
      return `is waiting for ${host}${times === 1 ? "" : ` ${often}`}`
  }
}

function sentenceOf(runId: string, lines: readonly string[]): string {
  const last = lines.at(-1)
  if (last === undefined) return `${runId} reached for nothing.`
  const before = lines.slice(0, -1)
  return `${runId} ${before.length === 0 ? last : `${before.join(", ")} and ${last}`}.`
}

/** People know hosts; a scheme or port that says something stays. */
function hostOf(origin: string): string {
  if (origin === "") return "an address that is none"
  return origin.startsWith("https://") ? origin.slice("https://".length) : origin
}
