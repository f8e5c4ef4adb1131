import {
  MayflyError,
  type UsageTotals,
  type UsageGroup,
  type UsageQuery,
  type UsageRow,
  type UsageReport,
} from "@mayfly/protocol"
import { csvLine } from "@mayfly/mesh/ledger"
import type { SqlRow, SqlValue } from "@mayfly/store"
import { countersOf, sums } from "./account-procedures.ts"
import type { Accounts } from "./accounts.ts"
import { noCounters, totalsOf } from "./counters.ts"
import { dayOf, dayText } from "./periods.ts"

const groups: readonly UsageGroup[] = ["tenant", "worker", "day"]
/** Rows come in the order of the table's key: a page is read from where the one before ended, and nothing is sorted for it. */
const sequence: readonly UsageGroup[] = ["tenant", "day", "worker"]
const maxLimit = 10_000
const defaultLimit = 100
const days = /^\d{4}-\d{2}-\d{2}$/

/** What tenants used, by tenant, worker and day. What has ended counts at once, what is under way counts at its end. */
export class UsageReports {
  readonly #accounts: Accounts

  /** @internal Use `platform.usage`. */
  constructor(accounts: Accounts) {
    this.#accounts = accounts
  }

  /** A page of rows, and the sum of all. Rejects with `input.invalid`. */
  async query(query: UsageQuery = {}): Promise<UsageReport> {
    const range = parseQuery(query)
    const { rows, next } = await this.#page(range, query.limit ?? defaultLimit)
    const tables = await this.#accounts.journal.tables()
    const [sum = {}] = await tables.read<SqlRow>(...select({ ...range, by: [], after: [] }))
    return {
      from: dayText(range.from),
      to: dayText(range.to),
      rows,
      total: totalsOf(countersOf(sum)),
      cursor: next === null ? null : cursorOf(next),
    }
  }

  /** All rows as CSV (RFC 4180), with a line of names first; many lines at a time. Throws `input.invalid` before the first. */
  csv({ cursor: _, limit: __, ...query }: UsageQuery = {}): AsyncGenerator<string, void, void> {
    return this.#csv(parseQuery(query))
  }

  async *#csv(range: UsageRange): AsyncGenerator<string, void, void> {
    const names = [...groups.filter((group) => range.by.includes(group)), ...counterTitles]
    yield csvLine(names)
    for (let after: readonly SqlValue[] | null = []; after !== null;) {
      const page: UsagePage = await this.#page({ ...range, after }, maxLimit)
      yield page.rows.map((row) => csvLine(names.map((name) => row[name] ?? ""))).join("")
      after = page.next
    }
  }

  async #page(range: UsageRange, limit: number): Promise<UsagePage> {
    await this.#accounts.journal.flush()
    const tables = await this.#accounts.journal.tables()
    const [sql, parameters] = select(range)
    // One row more tells whether there is a next page.
    const options = { maxRows: limit + 1 }
    const found = await tables.read<SqlRow>(`${sql} LIMIT ?`, [...parameters, limit + 1], options)
    const page = found.slice(0, limit)
    const last = page.at(-1) ?? {}
    return {
      rows: page.map((row) => ({ ...keysOf(row), ...totalsOf(countersOf(row)) })),
      next: found.length > limit ? range.by.map((key) => last[key] ?? null) : null,
    }
  }

  /** Writes what was counted. Rejects when that is not possible. */
  async flush(): Promise<void> {
    await this.#accounts.journal.flush()
  }
}

interface UsageRange {
  readonly tenant: string | undefined
  readonly from: number
  readonly to: number
  readonly by: readonly UsageGroup[]
  /** The keys of the last row of the page before. */
  readonly after: readonly SqlValue[]
}

interface UsagePage {
  readonly rows: readonly UsageRow[]
  /** What the next page is behind, where there is one. */
  readonly next: readonly SqlValue[] | null
}

function select({ tenant, from, to, by, after }: UsageRange): [sql: string, parameters: readonly SqlValue[]] {
  const keys = by.join(", ")
  const whose = tenant === undefined ? "" : " AND tenant = ?"
  const behind = after.length === 0 ? "" : ` AND (${keys}) > (${after.map(() => "?").join(", ")})`
  const sql = `SELECT ${by.map((key) => `${key}, `).join("")}${sums} FROM accounts_usage WHERE day >= ? AND day <= ?${whose}${behind}
    ${keys === "" ? "" : `GROUP BY ${keys} ORDER BY ${keys}`}`
  return [sql, [from, to, ...(tenant === undefined ? [] : [tenant]), ...after]]
}

function cursorOf(keys: readonly SqlValue[]): string {
  return Buffer.from(JSON.stringify(keys)).toString("base64url")
}

/** Also of a caller who writes cursors: what is in one is compared with, and nothing else. */
function parseCursor(cursor: string | undefined, by: readonly UsageGroup[]): readonly SqlValue[] {
  if (cursor === undefined) return []
  try {
    const keys: unknown = JSON.parse(Buffer.from(String(cursor), "base64url").toString())
    const fits = (value: unknown, at: number): boolean =>
      by[at] === "day" ? Number.isSafeInteger(value) : typeof value === "string"
    if (Array.isArray(keys) && keys.length === by.length && keys.every(fits)) return keys as SqlValue[]
  } catch {
    // Said below.
  }
  throw invalid("cursor", "is not one that was given for such a query")
}

function parseQuery(query: UsageQuery): UsageRange {
  const { tenant, by = ["tenant"], cursor, limit = defaultLimit } = query
  for (const group of by) if (!groups.includes(group)) throw invalid("by", `must be of ${groups.join(", ")}`)
  if (!Number.isInteger(limit) || limit < 1 || limit > maxLimit)
    throw invalid("limit", `must be a whole number from 1 to ${maxLimit}`)
  const wanted = sequence.filter((group) => by.includes(group))
  return { tenant, ...rangeOf(query), by: wanted, after: parseCursor(cursor, wanted) }
}

function keysOf({ tenant, worker, day }: SqlRow): Pick<UsageRow, UsageGroup> {
  return {
    ...(typeof tenant === "string" ? { tenant } : {}),
    ...(typeof worker === "string" ? { worker } : {}),
    ...(typeof day === "number" ? { day: dayText(day) } : {}),
  }
}

function rangeOf({ from, to }: UsageQuery): { readonly from: number; readonly to: number } {
  const today = dayOf(Date.now())
  const last = to === undefined ? today : parseDay(to, "to")
  const monthStart = dayOf(Date.parse(`${dayText(last).slice(0, 7)}-01`))
  return { from: from === undefined ? monthStart : parseDay(from, "from"), to: last }
}

function parseDay(text: unknown, path: string): number {
  const time = typeof text === "string" && days.test(text) ? Date.parse(text) : NaN
  if (!Number.isNaN(time) && dayText(dayOf(time)) === text) return dayOf(time)
  throw invalid(path, "must be a day, such as 2026-11-23")
}

const counterTitles = Object.keys(totalsOf(noCounters())) as (keyof UsageTotals)[]

function invalid(path: string, problem: string): MayflyError {
  return new MayflyError("input.invalid", `${path} ${problem}`, { details: { path } })
}
