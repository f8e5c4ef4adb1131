import { all, first, run, type SqlRow, type SqlValue, type Steps } from "@mayfly/store/steps"
import { columnOf } from "./account-columns.ts"
import { type Counters, counterNames } from "./counters.ts"

export interface UsageEntry {
  readonly tenant: string
  readonly day: number
  /** "" for what is no worker's. */
  readonly worker: string
  readonly counters: Readonly<Counters>
}

/** A run that is over. */
export interface RunEntry {
  readonly id: string
  readonly tenant: string
  readonly worker: string
  readonly hash: string
  readonly status: string
  readonly startedAt: number
  readonly endedAt: number
  readonly data: string
}

export interface AlertEntry {
  readonly tenant: string
  readonly name: string
  readonly firstDay: number
}

export interface Retention {
  readonly maxRunsOfTenant: number
  readonly maxRuns: number
  readonly maxBytes: number
  readonly endedAfter: number
}

/** What came together since the last batch. */
export interface Batch {
  /** With the number: a batch that was written already is not written again. */
  readonly writer: string
  readonly number: number
  readonly usage: readonly UsageEntry[]
  readonly runs: readonly RunEntry[]
  readonly alerts: readonly AlertEntry[]
  readonly retention: Retention
}

export interface LoadedTenant {
  readonly settings: string | null
  readonly day: Counters
  readonly month: Counters
  /** Workers that have a row of today's. */
  readonly workers: number
  readonly alerts: readonly AlertEntry[]
}

const columns = counterNames.map(columnOf)
const addUsage = `INSERT INTO accounts_usage (tenant, day, worker, ${columns.join(", ")})
  VALUES (?, ?, ?, ${columns.map(() => "?").join(", ")})
  ON CONFLICT (tenant, day, worker) DO UPDATE SET ${columns.map((name) => `${name} = accounts_usage.${name} + excluded.${name}`).join(", ")}`
/** As REAL: exact up to 2^53, and no error beyond. */
export const sums = columns.map((name) => `CAST(COALESCE(SUM(${name}), 0) AS REAL) AS ${name}`).join(", ")

export const procedures = {
  /** Writes a batch once, however often it is given. */
  *record(batch: Batch): Steps<void> {
    const { writer, number } = batch
    const known = yield* first<{ last: number }>("SELECT last FROM accounts_batches WHERE writer = ?", writer)
    if (known !== undefined && known.last >= number) return
    // One process owns the store: batches of others are over.
    yield* run("DELETE FROM accounts_batches")
    yield* run("INSERT INTO accounts_batches (writer, last) VALUES (?, ?)", writer, number)
    for (const { tenant, day, worker, counters } of batch.usage)
      yield* run(addUsage, tenant, day, worker, ...counterNames.map((name) => counters[name]))
    for (const { tenant, name, firstDay } of batch.alerts)
      yield* run(
        `INSERT INTO accounts_alerts (tenant, name, first_day) VALUES (?, ?, ?)
         ON CONFLICT (tenant, name) DO UPDATE SET first_day = excluded.first_day`,
        tenant,
        name,
        firstDay,
      )
    if (batch.runs.length > 0) yield* keepRuns(batch.runs, batch.retention)
  },

  /** What must be known of a tenant before it may do anything. */
  *load({ tenant, day, monthStart }: { tenant: string; day: number; monthStart: number }): Steps<LoadedTenant> {
    const settings = yield* first<{ settings: string }>(
      "SELECT settings FROM accounts_tenants WHERE tenant = ?",
      tenant,
    )
    const workers = yield* first<{ n: number }>(
      "SELECT COUNT(*) AS n FROM accounts_usage WHERE tenant = ? AND day = ?",
      tenant,
      day,
    )
    const alerts = yield* all<{ name: string; first_day: number }>(
      "SELECT name, first_day FROM accounts_alerts WHERE tenant = ?",
      tenant,
    )
    return {
      settings: settings?.settings ?? null,
      day: yield* sumOf(tenant, day),
      month: yield* sumOf(tenant, monthStart),
      workers: workers?.n ?? 0,
      alerts: alerts.map(({ name, first_day: firstDay }) => ({ tenant, name, firstDay })),
    }
  },

  *save({ tenant, settings, now }: { tenant: string; settings: string; now: number }): Steps<void> {
    yield* run(
      `INSERT INTO accounts_tenants (tenant, settings, updated_at) VALUES (?, ?, ?)
       ON CONFLICT (tenant) DO UPDATE SET settings = excluded.settings, updated_at = excluded.updated_at`,
      tenant,
      settings,
      now,
    )
  },

  /** Forgets runs that are older than they should be. Gives how many. */
  *forgetOld({ endedAfter, most }: { endedAfter: number; most: number }): Steps<number> {
    return yield* forget("SELECT seq FROM accounts_runs WHERE ended_at < ? ORDER BY ended_at LIMIT ?", endedAfter, most)
  },
}

/** Counters of a row, whose columns are those of `sums`. */
export function countersOf(row: SqlRow): Counters {
  return Object.fromEntries(counterNames.map((name, at) => [name, Number(row[columns[at] ?? ""] ?? 0)])) as Counters
}

function* sumOf(tenant: string, fromDay: number): Steps<Counters> {
  const row = yield* first(`SELECT ${sums} FROM accounts_usage WHERE tenant = ? AND day >= ?`, tenant, fromDay)
  return countersOf(row ?? {})
}

/** Rows are forgotten in steps of a tenth, so that looking for the oldest is rare. */
const slack = 0.1
const rowBytes = 300

function* keepRuns(runs: readonly RunEntry[], retention: Retention): Steps<void> {
  const added = new Map<string, { runs: number; bytes: number }>()
  for (const { id, tenant, worker, hash, status, startedAt, endedAt, data } of runs) {
    const bytes = data.length + rowBytes
    const changes = yield* run(
      `INSERT INTO accounts_runs (id, tenant, worker, hash, status, started_at, ended_at, bytes, data)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING`,
      id,
      tenant,
      worker,
      hash,
      status,
      startedAt,
      endedAt,
      bytes,
      data,
    )
    if (changes === 0) continue
    const sum = added.get(tenant) ?? { runs: 0, bytes: 0 }
    added.set(tenant, { runs: sum.runs + 1, bytes: sum.bytes + bytes })
  }
  for (const [tenant, sum] of added) yield* kept(tenant, sum)
  for (const tenant of added.keys()) yield* trimTenant(tenant, retention)
  yield* trimAll(retention)
}

function* kept(tenant: string, { runs, bytes }: { runs: number; bytes: number }): Steps<void> {
  yield* run(
    `INSERT INTO accounts_kept (tenant, runs, bytes) VALUES (?, ?, ?)
     ON CONFLICT (tenant) DO UPDATE SET runs = accounts_kept.runs + excluded.runs, bytes = accounts_kept.bytes + excluded.bytes`,
    tenant,
    runs,
    bytes,
  )
}

function* trimTenant(tenant: string, { maxRunsOfTenant }: Retention): Steps<void> {
  const held = yield* first<{ runs: number }>("SELECT runs FROM accounts_kept WHERE tenant = ?", tenant)
  const runs = held?.runs ?? 0
  if (runs <= maxRunsOfTenant) return
  yield* forgetOldest(tenant, runs - Math.floor(maxRunsOfTenant * (1 - slack)))
}

/** Whoever has the most gives way: a tenant's flood takes its own history. */
function* trimAll({ maxRuns, maxBytes }: Retention): Steps<void> {
  for (let rounds = 0; rounds < 100; rounds++) {
    const total = yield* first<{ runs: number | null; bytes: number | null }>(
      "SELECT SUM(runs) AS runs, SUM(bytes) AS bytes FROM accounts_kept",
    )
    const isTooMany = (total?.runs ?? 0) > maxRuns
    if (!isTooMany && (total?.bytes ?? 0) <= maxBytes) return
    const largest = yield* first<{ tenant: string; runs: number }>(
      `SELECT tenant, runs FROM accounts_kept ORDER BY ${isTooMany ? "runs" : "bytes"} DESC LIMIT 1`,
    )
    if (largest === undefined || largest.runs === 0) return
    yield* forgetOldest(largest.tenant, Math.max(1, Math.ceil(largest.runs * slack)))
  }
}

function* forgetOldest(tenant: string, count: number): Steps<void> {
  yield* forget("SELECT seq FROM accounts_runs WHERE tenant = ? ORDER BY seq LIMIT ?", tenant, count)
}

function* forget(which: string, ...parameters: readonly SqlValue[]): Steps<number> {
  const lost = yield* all<{ tenant: string; runs: number; bytes: number }>(
    `SELECT tenant, COUNT(*) AS runs, SUM(bytes) AS bytes FROM accounts_runs WHERE seq IN (${which}) GROUP BY tenant`,
    ...parameters,
  )
  const count = yield* run(`DELETE FROM accounts_runs WHERE seq IN (${which})`, ...parameters)
  for (const { tenant, runs, bytes } of lost) yield* kept(tenant, { runs: -runs, bytes: -bytes })
  return count
}
