import {
  errorFromJson,
  type ListedRun,
  MayflyError,
  type RunDetails,
  type RunPage,
  type RunQuery,
  type RunStatus,
} from "@mayfly/protocol"
import { decodeValue } from "@mayfly/protocol/clone"
import type { SqlValue } from "@mayfly/store"
import type { Accounts } from "./accounts.ts"
import type { RunData } from "./run-data.ts"
import type { TenantAccount } from "./tenant-account.ts"

interface RunRow {
  readonly seq: number
  readonly id: string
  readonly tenant: string
  readonly worker: string
  readonly hash: string
  readonly status: RunStatus
  readonly started_at: number
  readonly ended_at: number
  readonly data: string
}

const statuses: readonly RunStatus[] = ["queued", "running", "succeeded", "failed", "cancelled"]

/** Runs that are under way, and those that are over and not forgotten. */
export class RunHistory {
  readonly #accounts: Accounts

  /** @internal Use `platform.runs`. */
  constructor(accounts: Accounts) {
    this.#accounts = accounts
  }

  /** Rejects with `input.invalid`. */
  async list(query: RunQuery = {}): Promise<RunPage> {
    const { limit = 100, cursor, status } = query
    checkQuery(query)
    const isLive = status === undefined || status === "queued" || status === "running"
    const underWay = cursor === undefined && isLive ? this.#underWay(query).slice(0, limit) : []
    if (status === "queued" || status === "running") return { runs: underWay, cursor: null }
    const rows = await this.#rows(query, limit - underWay.length + 1)
    const page = rows.slice(0, limit - underWay.length)
    const last = page.at(-1)?.seq ?? cursor
    const isMore = rows.length > page.length
    return {
      runs: [...underWay, ...page.map(summaryOf)],
      cursor: isMore ? String(last ?? Number.MAX_SAFE_INTEGER) : null,
    }
  }

  #underWay({ tenant, status, worker, since }: RunQuery): ListedRun[] {
    return [...this.#accounts.known]
      .flatMap(liveRuns)
      .filter(
        (run) =>
          (tenant === undefined || run.tenant === tenant) &&
          (status === undefined || run.status === status) &&
          (worker === undefined || run.worker === worker || run.hash === worker) &&
          (since === undefined || (run.startedAt ?? Infinity) >= since),
      )
  }

  async #rows({ tenant, status, worker, since, cursor }: RunQuery, limit: number): Promise<readonly RunRow[]> {
    await this.#accounts.journal.flush()
    const conditions: [string, ...SqlValue[]][] = [
      ...(tenant === undefined ? [] : [["tenant = ?", tenant] as [string, SqlValue]]),
      ...(status === undefined ? [] : [["status = ?", status] as [string, SqlValue]]),
      ...(worker === undefined ? [] : [["(worker = ? OR hash = ?)", worker, worker] as [string, SqlValue, SqlValue]]),
      ...(since === undefined ? [] : [["started_at >= ?", since] as [string, SqlValue]]),
      ...(cursor === undefined ? [] : [["seq < ?", Number(cursor)] as [string, SqlValue]]),
    ]
    const where = conditions.length === 0 ? "" : ` WHERE ${conditions.map(([sql]) => sql).join(" AND ")}`
    const sql = `SELECT seq, id, tenant, worker, hash, status, started_at, ended_at FROM accounts_runs${where} ORDER BY seq DESC LIMIT ?`
    const tables = await this.#accounts.journal.tables()
    return tables.read<RunRow>(sql, [...conditions.flatMap(([, ...values]) => values), limit])
  }

  /** Rejects with `run.not-found`; so is another tenant's. */
  async get(id: string, { tenant }: { readonly tenant?: string } = {}): Promise<RunDetails> {
    const live = this.#find(id, tenant)
    if (live !== undefined) return live
    const row = await this.#row(id, tenant)
    if (row === undefined) throw notFound(id)
    const { result, error, ...data } = JSON.parse(row.data) as RunData
    const failure = errorFromJson(error)
    return {
      ...summaryOf(row),
      ...data,
      ...(failure === undefined ? {} : { error: failure }),
      ...decodedResult(result),
    }
  }

  /** Cancels it, also while it waits: it ends as `worker.aborted`. Rejects with `run.not-found`, `run.ended`. */
  async cancel(id: string, { tenant }: { readonly tenant?: string } = {}): Promise<void> {
    const error = new MayflyError("worker.aborted", "the run was cancelled by request")
    for (const account of this.#accounts.known)
      if ((tenant === undefined || account.tenant === tenant) && account.cancel(String(id), error)) return
    if ((await this.#row(id, tenant)) === undefined) throw notFound(id)
    throw new MayflyError("run.ended", `the run "${id}" is over`, { details: { id } })
  }

  #find(id: string, tenant: string | undefined): ListedRun | undefined {
    for (const account of this.#accounts.known) {
      if (tenant !== undefined && account.tenant !== tenant) continue
      const found = liveRuns(account).find((run) => run.id === id)
      if (found !== undefined) return found
    }
    return undefined
  }

  async #row(id: unknown, tenant: string | undefined): Promise<RunRow | undefined> {
    await this.#accounts.journal.flush()
    const tables = await this.#accounts.journal.tables()
    const [row] = await tables.read<RunRow>("SELECT * FROM accounts_runs WHERE id = ?", [String(id)])
    return row !== undefined && (tenant === undefined || row.tenant === tenant) ? row : undefined
  }
}

function liveRuns(account: TenantAccount): ListedRun[] {
  const { tenant, running, waiting } = account
  return [...[...running].filter(({ call }) => call === "run" || call === "fetch"), ...waiting].map(
    ({ id, hash, name, isStarted }) => {
      const status = isStarted ? ("running" as const) : ("queued" as const)
      return { id, tenant, worker: name ?? hash, hash, status }
    },
  )
}

function summaryOf({ id, tenant, worker, hash, status, started_at: startedAt, ended_at: endedAt }: RunRow): ListedRun {
  return { id, tenant, worker, hash, status, startedAt, endedAt }
}

/** What is there no more, as a function of a run that is over, is left out. */
function decodedResult(text: string | undefined): Pick<RunDetails, "result"> {
  if (text === undefined) return {}
  try {
    const result = decodeValue(text)
    return result === undefined ? {} : { result }
  } catch {
    return {}
  }
}

function checkQuery({ tenant, status, worker, since, cursor, limit }: RunQuery): void {
  for (const [name, value] of Object.entries({ tenant, worker }))
    if (value !== undefined && (typeof value !== "string" || value.length > 200)) throw invalid(name, "must be a text")
  if (status !== undefined && !statuses.includes(status))
    throw invalid("status", `must be one of ${statuses.join(", ")}`)
  if (since !== undefined && !Number.isSafeInteger(since))
    throw invalid("since", "must be a time in epoch milliseconds")
  if (cursor !== undefined && !/^\d{1,16}$/.test(cursor)) throw invalid("cursor", "is not one that was given here")
  if (limit !== undefined && !(Number.isInteger(limit) && limit >= 1 && limit <= 1_000))
    throw invalid("limit", "must be a whole number from 1 to 1000")
}

function notFound(id: unknown): MayflyError {
  return new MayflyError("run.not-found", `there is no run "${String(id).slice(0, 100)}"`)
}

function invalid(path: string, problem: string): MayflyError {
  return new MayflyError("input.invalid", `${path} ${problem}`, { details: { path } })
}
