import { MayflyError, type LedgerFilter, type LedgerQuery } from "@mayfly/protocol"
import type { SqlValue } from "@mayfly/store"

export interface Sql {
  readonly sql: string
  readonly parameters: readonly SqlValue[]
}

const columns = `a.seq, a.data, a.hash, coalesce(p.hash, (SELECT hash FROM ledger_base)) AS previous,
  o.data AS outcome, o.hash AS outcome_hash`
const joins = `LEFT JOIN ledger_entries o ON o.kind = 'outcome' AND o.attempt = a.seq
  LEFT JOIN ledger_entries p ON p.seq = a.seq - 1`

/** Attempts with their outcomes, from one end of the chain or the other. */
export function attemptsSql(
  filter: LedgerFilter,
  { after, before, limit }: { after?: number; before?: number; limit: number },
): Sql {
  const conditions = new Conditions("a.kind = 'attempt'").filter(filter)
  if (after !== undefined) conditions.and("a.seq > ?", after)
  if (before !== undefined) conditions.and("a.seq < ?", before)
  const order = after === undefined ? "DESC" : "ASC"
  const sql = `SELECT a.seq AS entry, ${columns} FROM ledger_entries a ${joins} WHERE ${conditions.text} ORDER BY a.seq ${order} LIMIT ?`
  return { sql, parameters: [...conditions.parameters, limit] }
}

/** What came into the chain behind an entry: attempts, and attempts whose outcome came. One whose outcome stands further on comes with it. */
export function changesSql(
  filter: LedgerFilter,
  { after, upTo, limit }: { after: number; upTo: number; limit: number },
): Sql {
  const conditions = new Conditions("e.kind IN ('attempt', 'outcome')")
    .and("e.seq > ? AND e.seq <= ?", after, upTo)
    .filter(filter)
  conditions.and("NOT (e.kind = 'attempt' AND o.seq IS NOT NULL)")
  const sql = `SELECT e.seq AS entry, ${columns} FROM ledger_entries e
    JOIN ledger_entries a ON a.seq = coalesce(e.attempt, e.seq) AND a.kind = 'attempt' ${joins}
    WHERE ${conditions.text} ORDER BY e.seq LIMIT ?`
  return { sql, parameters: [...conditions.parameters, limit] }
}

class Conditions {
  readonly parameters: SqlValue[] = []
  readonly #parts: string[]

  constructor(first: string) {
    this.#parts = [first]
  }

  get text(): string {
    return this.#parts.join(" AND ")
  }

  and(part: string, ...parameters: readonly SqlValue[]): this {
    this.#parts.push(part)
    this.parameters.push(...parameters)
    return this
  }

  filter({ tenant, run, decision, origin, since, until }: LedgerFilter): this {
    if (tenant !== undefined) this.and("a.tenant = ?", tenant)
    if (run !== undefined) this.and("a.run_id = ?", run)
    if (origin !== undefined) this.and("a.origin = ?", origin)
    if (decision !== undefined) this.and("coalesce(o.decision, a.decision) = ?", decision)
    // Times only grow along the chain, so they become places in it; no row outside of them is looked at.
    if (since !== undefined)
      this.and("a.seq >= (SELECT seq FROM ledger_entries WHERE at >= ? ORDER BY at, seq LIMIT 1)", since)
    if (until !== undefined)
      this.and("a.seq <= (SELECT seq FROM ledger_entries WHERE at <= ? ORDER BY at DESC, seq DESC LIMIT 1)", until)
    return this
  }
}

const decisions = ["allow", "deny", "ask"]
const texts = ["tenant", "run", "origin", "cursor"] as const
const times = ["since", "until"] as const

/** Throws `input.invalid`. The filter comes from a query string or a command line, unchecked. */
export function checkQuery(query: LedgerQuery): void {
  for (const name of texts) {
    const value: unknown = query[name]
    if (value !== undefined && (typeof value !== "string" || value.length > 2_048))
      throw invalid(name, "must be a text")
  }
  for (const name of times) {
    const value: unknown = query[name]
    if (value !== undefined && !Number.isSafeInteger(value)) throw invalid(name, "must be a time in epoch milliseconds")
  }
  const { decision, limit } = query
  if (decision !== undefined && !decisions.includes(decision)) throw invalid("decision", "must be allow, deny or ask")
  if (limit !== undefined && !(Number.isInteger(limit) && limit >= 1 && limit <= 1_000))
    throw invalid("limit", "must be a whole number from 1 to 1000")
}

/** The place in the chain that a cursor stands for. */
export function parseCursor(cursor: string): number {
  if (/^\d{1,15}$/.test(cursor)) return Number(cursor)
  throw invalid("cursor", "is not one that this ledger gave")
}

function invalid(path: string, problem: string): MayflyError {
  return new MayflyError("input.invalid", `${path} ${problem}`, { details: { path } })
}
