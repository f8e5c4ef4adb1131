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
import { type Counters, noCounters, addCounters, totalsOf } from "./counters.ts"
import { dayOf, dayText } from "./periods.ts"

const groups: readonly UsageGroup[] = ["tenant", "worker", "day"]
const maxRows = 100_000
const days = /^\d{4}-\d{2}-\d{2}$/

/** What tenants used, by tenant, worker and day. What has ended counts at once, what is under way counts at its end. */
export class UsageReports {
  readonly #accounts: Accounts

  /** @internal Use `platform.usage`. */
  constructor(accounts: Accounts) {
    this.#accounts = accounts
  }

  /** Rejects with `input.invalid`, and with `store.too-many-rows` for more than 100,000. */
  async query(query: UsageQuery = {}): Promise<UsageReport> {
    const { by = ["tenant"] } = query
    const { from, to } = rangeOf(query)
    for (const group of by) if (!groups.includes(group)) throw invalid("by", `must be of ${groups.join(", ")}`)
    await this.#accounts.journal.flush()
    const tables = await this.#accounts.journal.tables()
    const { sql, parameters } = select(
      query.tenant,
      from,
      to,
      groups.filter((group) => by.includes(group)),
    )
    const found = await tables.read<SqlRow>(sql, parameters, { maxRows })
    const total: Counters = noCounters()
    const rows = found.map((row): UsageRow => {
      const counters = countersOf(row)
      addCounters(total, counters)
      return { ...keysOf(row), ...totalsOf(counters) }
    })
    return { from: dayText(from), to: dayText(to), rows, total: totalsOf(total) }
  }

  /** Writes what was counted. Rejects when that is not possible. */
  async flush(): Promise<void> {
    await this.#accounts.journal.flush()
  }
}

function select(
  tenant: string | undefined,
  from: number,
  to: number,
  by: readonly UsageGroup[],
): { readonly sql: string; readonly parameters: readonly SqlValue[] } {
  const keys = by.join(", ")
  const where = tenant === undefined ? "" : " AND tenant = ?"
  const sql = `SELECT ${by.map((key) => `${key}, `).join("")}${sums} FROM accounts_usage WHERE day >= ? AND day <= ?${where}
    ${keys === "" ? "" : `GROUP BY ${keys} ORDER BY ${keys}`}`
  return { sql, parameters: tenant === undefined ? [from, to] : [from, to, tenant] }
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

/** The rows as CSV (RFC 4180), with a line of names. */
export function usageCsv({ rows, total }: UsageReport): string {
  const keys = groups.filter((group) => rows.some((row) => row[group] !== undefined))
  const amounts = Object.keys(total) as (keyof UsageTotals)[]
  const lines = rows.map((row) => csvLine([...keys.map((key) => row[key] ?? ""), ...amounts.map((name) => row[name])]))
  return csvLine([...keys, ...amounts]) + lines.join("")
}

function invalid(path: string, problem: string): MayflyError {
  return new MayflyError("input.invalid", `${path} ${problem}`, { details: { path } })
}
