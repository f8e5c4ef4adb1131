import { MayflyError } from "@mayfly/protocol"
import { all, first, run, type Steps } from "@mayfly/store/steps"

export interface DeployArgument {
  readonly tenant: string
  readonly name: string
  readonly version: string
  /** Of the compiled program. */
  readonly hash: string
  readonly blob: string
  readonly bytes: number
  readonly now: number
  /** Workers that the tenant may have with it. */
  readonly maxWorkers: number
  /** Versions of one worker; the oldest go. */
  readonly maxVersions: number
}

export interface VersionRow {
  readonly name: string
  readonly version: string
  readonly hash: string
  readonly blob: string
  readonly bytes: number
  readonly created_at: number
  readonly updated_at: number
}

export const procedures = {
  /** Stores a version and makes it the one that is called. */
  *deploy({ tenant, name, version, hash, blob, bytes, now, maxWorkers, maxVersions }: DeployArgument): Steps<void> {
    const known = yield* first("SELECT version FROM workers_names WHERE tenant = ? AND name = ?", tenant, name)
    if (known === undefined) yield* checkCount(tenant, maxWorkers)
    yield* run(
      `INSERT INTO workers_versions (tenant, name, version, hash, blob, bytes, created_at, seq)
       VALUES (?, ?, ?, ?, ?, ?, ?, (SELECT COALESCE(MAX(seq), 0) + 1 FROM workers_versions WHERE tenant = ? AND name = ?))
       ON CONFLICT (tenant, name, version) DO NOTHING`,
      tenant,
      name,
      version,
      hash,
      blob,
      bytes,
      now,
      tenant,
      name,
    )
    yield* run(
      `INSERT INTO store_blobs (hash, owner, name) VALUES (?, 'workers', ?) ON CONFLICT DO NOTHING`,
      blob,
      keptAs(tenant, name, version),
    )
    yield* point(tenant, name, { version, now })
    const old = yield* all<{ version: string }>(
      `SELECT version FROM workers_versions WHERE tenant = ? AND name = ? AND version <> ? ORDER BY seq DESC LIMIT 1000 OFFSET ?`,
      tenant,
      name,
      version,
      maxVersions - 1,
    )
    for (const one of old) yield* forget(tenant, name, one.version)
  },

  /** Makes an earlier version the one that is called. False when there is none. */
  *rollback(given: { tenant: string; name: string; version: string; now: number }): Steps<boolean> {
    const { tenant, name, version, now } = given
    const known = yield* first(
      "SELECT seq FROM workers_versions WHERE tenant = ? AND name = ? AND version = ?",
      tenant,
      name,
      version,
    )
    if (known === undefined) return false
    yield* point(tenant, name, { version, now })
    return true
  },

  /** False when there is no such worker. */
  *remove({ tenant, name }: { tenant: string; name: string }): Steps<boolean> {
    const versions = yield* all<{ version: string }>(
      "SELECT version FROM workers_versions WHERE tenant = ? AND name = ?",
      tenant,
      name,
    )
    for (const { version } of versions) yield* forget(tenant, name, version)
    return (yield* run("DELETE FROM workers_names WHERE tenant = ? AND name = ?", tenant, name)) > 0
  },
}

function* checkCount(tenant: string, most: number): Steps<void> {
  const has = yield* first<{ n: number }>("SELECT COUNT(*) AS n FROM workers_names WHERE tenant = ?", tenant)
  if ((has?.n ?? 0) < most) return
  throw new MayflyError("quota.count", `tenant "${tenant}" has ${most} named workers`, {
    details: { tenant, what: "workers", most },
  })
}

function* point(tenant: string, name: string, { version, now }: { version: string; now: number }): Steps<void> {
  yield* run(
    `INSERT INTO workers_names (tenant, name, version, updated_at) VALUES (?, ?, ?, ?)
     ON CONFLICT (tenant, name) DO UPDATE SET version = excluded.version, updated_at = excluded.updated_at`,
    tenant,
    name,
    version,
    now,
  )
}

function* forget(tenant: string, name: string, version: string): Steps<void> {
  yield* run("DELETE FROM workers_versions WHERE tenant = ? AND name = ? AND version = ?", tenant, name, version)
  yield* run("DELETE FROM store_blobs WHERE owner = 'workers' AND name = ?", keptAs(tenant, name, version))
}

function keptAs(tenant: string, name: string, version: string): string {
  return `${tenant}/${name}/${version}`
}
