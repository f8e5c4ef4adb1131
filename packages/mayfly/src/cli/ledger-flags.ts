import type { ApiFlags } from "./api-options.ts"
import type { ChainHead, LedgerFilter } from "@mayfly/platform"
import { invalid } from "./command-error.ts"

export type LedgerAction = "ls" | "export" | "verify" | "summary"

/** The options of `mayfly ledger` as commander gives them. */
export interface LedgerFlags extends ApiFlags {
  readonly run?: string
  readonly decision?: string
  readonly origin?: string
  readonly since?: string
  readonly until?: string
  readonly limit?: string
  readonly expect?: string
  readonly follow?: boolean
  readonly csv?: boolean
}

/** Throws `input.invalid`; the ledger checks the rest. */
export function parseFilter({ run, tenant, decision, origin, since, until }: LedgerFlags, now: number): LedgerFilter {
  return {
    ...(run === undefined ? {} : { run }),
    ...(tenant === undefined ? {} : { tenant }),
    ...(decision === undefined ? {} : { decision: decision as NonNullable<LedgerFilter["decision"]> }),
    ...(origin === undefined ? {} : { origin }),
    ...(since === undefined ? {} : { since: parseTime("--since", since, now) }),
    ...(until === undefined ? {} : { until: parseTime("--until", until, now) }),
  }
}

export function parseLimit(text: string | undefined): number {
  if (text === undefined) return 100
  if (/^\d{1,4}$/.test(text)) return Number(text)
  throw invalid("--limit", `must be a whole number from 1 to 1000, not "${text}"`)
}

export function parseHead(text: string): ChainHead {
  const [, seq = "", hash = ""] = /^(\d{1,15}):([0-9a-f]{64})$/.exec(text) ?? []
  if (seq !== "") return { seq: Number(seq), hash }
  throw invalid("--expect", `must be SEQ:HASH as \`mayfly ledger verify\` prints it, not "${text}"`)
}

const unitsMs: Readonly<Record<string, number>> = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 }

/** "30m" ago, a date, or epoch milliseconds. */
function parseTime(option: string, text: string, now: number): number {
  const [, count = "", unit = ""] = /^(\d{1,6})([smhd])$/.exec(text) ?? []
  if (count !== "") return now - Number(count) * (unitsMs[unit] ?? 0)
  const time = /^\d{10,15}$/.test(text) ? Number(text) : Date.parse(text)
  if (!Number.isNaN(time)) return time
  throw invalid(option, `must be a date, or a time such as 30m, 12h or 7d, not "${text}"`)
}
