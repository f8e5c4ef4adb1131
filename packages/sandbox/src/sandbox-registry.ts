import { MayflyError, type NetworkPolicy, type SandboxLimits, type SnapshotInfo } from "@mayfly/protocol"
import type { Store, StoreOwner, Tables } from "@mayfly/store"

/** What is kept of a sandbox, besides its files. */
export interface SandboxRecord {
  /** Unlike those of its tenant; other tenants may have the same. */
  readonly id: string
  /** Unlike all others here: names its files, control groups and addresses. Nobody chooses it. */
  readonly key: string
  readonly tenant: string
  readonly createdAt: number
  readonly provider: string
  readonly limits: SandboxLimits
  readonly network: NetworkPolicy
  readonly env: Readonly<Record<string, string>>
  readonly sleepAfterMs: number | null
  /** How often an address of a preview was taken back: later ones are others. */
  readonly previewEpoch?: number
}

/** What was released stays as it is. */
export const sandboxMigrations: StoreOwner["migrations"] = [
  `CREATE TABLE sandbox_boxes (
      id TEXT PRIMARY KEY,
      tenant TEXT NOT NULL,
      created_at INTEGER NOT NULL,
      state TEXT NOT NULL CHECK (state IN ('creating', 'ready', 'removing')),
      options TEXT NOT NULL
    ) STRICT;
    CREATE INDEX sandbox_boxes_tenant ON sandbox_boxes (tenant, id);
    CREATE TABLE sandbox_snapshots (
      id TEXT PRIMARY KEY,
      sandbox_id TEXT NOT NULL,
      tenant TEXT NOT NULL,
      created_at INTEGER NOT NULL,
      bytes INTEGER NOT NULL,
      limits TEXT NOT NULL
    ) STRICT;
    CREATE INDEX sandbox_snapshots_tenant ON sandbox_snapshots (tenant, id)`,
  // Ids were the same for all tenants; those that are there keep their files' names.
  `CREATE TABLE sandbox_boxes_of_tenants (
      tenant TEXT NOT NULL,
      id TEXT NOT NULL,
      key TEXT NOT NULL UNIQUE,
      created_at INTEGER NOT NULL,
      state TEXT NOT NULL CHECK (state IN ('creating', 'ready', 'removing')),
      options TEXT NOT NULL,
      PRIMARY KEY (tenant, id)
    ) STRICT;
    INSERT INTO sandbox_boxes_of_tenants SELECT tenant, id, id, created_at, state, options FROM sandbox_boxes;
    DROP TABLE sandbox_boxes;
    ALTER TABLE sandbox_boxes_of_tenants RENAME TO sandbox_boxes`,
  `ALTER TABLE sandbox_snapshots ADD COLUMN provider TEXT NOT NULL DEFAULT 'bubblewrap'`,
]

const owner: StoreOwner = { name: "sandbox", migrations: sandboxMigrations }

interface BoxRow {
  readonly id: string
  readonly key: string
  readonly tenant: string
  readonly created_at: number
  readonly options: string
}

interface SnapshotRow {
  readonly id: string
  readonly provider: string
  readonly sandbox_id: string
  readonly tenant: string
  readonly created_at: number
  readonly bytes: number
  readonly limits: string
}

/** Rows of sandboxes and snapshots. A sandbox is there when its row says "ready"; anything else was cut off and is cleared at the next start. */
export class SandboxRegistry {
  readonly #tables: Tables

  private constructor(tables: Tables) {
    this.#tables = tables
  }

  static async open(store: Store): Promise<SandboxRegistry> {
    return new SandboxRegistry(await store.attach(owner))
  }

  /** Takes the id. Rejects with `sandbox.exists` when it is taken, `quota.count` when the tenant has `most` already. */
  async begin(record: SandboxRecord, most: number | null = null): Promise<void> {
    const { id, key, tenant, createdAt, ...options } = record
    try {
      const added = await this.#write(
        `INSERT INTO sandbox_boxes SELECT ?, ?, ?, ?, 'creating', ?
         WHERE (SELECT COUNT(*) FROM sandbox_boxes WHERE tenant = ?) < ?`,
        [tenant, id, key, createdAt, JSON.stringify(options), tenant, most ?? Number.MAX_SAFE_INTEGER],
      )
      if (added === 0)
        throw new MayflyError("quota.count", `tenant "${tenant}" has ${most} sandboxes`, {
          details: { tenant, what: "sandboxes", most },
        })
    } catch (error) {
      if (!(error instanceof MayflyError) || error.code !== "store.constraint") throw error
      throw new MayflyError("sandbox.exists", `a sandbox "${id}" exists already`, { details: { id } })
    }
  }

  async setState({ key }: SandboxRecord, state: "ready" | "removing"): Promise<void> {
    await this.#write("UPDATE sandbox_boxes SET state = ? WHERE key = ?", [state, key])
  }

  async setOptions(record: SandboxRecord): Promise<void> {
    const { id: _id, key, tenant: _tenant, createdAt: _createdAt, ...options } = record
    await this.#write("UPDATE sandbox_boxes SET options = ? WHERE key = ?", [JSON.stringify(options), key])
  }

  async forget({ key }: SandboxRecord): Promise<void> {
    await this.#write("DELETE FROM sandbox_boxes WHERE key = ?", [key])
  }

  /** Removes the rows of sandboxes whose making or removal was cut off. */
  async forgetUnfinished(): Promise<void> {
    await this.#write("DELETE FROM sandbox_boxes WHERE state <> 'ready'", [])
  }

  async get(tenant: string, id: string): Promise<SandboxRecord | undefined> {
    const sql = "SELECT * FROM sandbox_boxes WHERE tenant = ? AND id = ? AND state = 'ready'"
    const rows = await this.#tables.read<BoxRow>(sql, [tenant, id])
    return rows[0] === undefined ? undefined : recordOf(rows[0])
  }

  async withKey(key: string): Promise<SandboxRecord | undefined> {
    const sql = "SELECT * FROM sandbox_boxes WHERE key = ? AND state = 'ready'"
    const [row] = await this.#tables.read<BoxRow>(sql, [key])
    return row === undefined ? undefined : recordOf(row)
  }

  async list(tenant: string | undefined): Promise<readonly SandboxRecord[]> {
    const where = tenant === undefined ? "" : "AND tenant = ?"
    const sql = `SELECT * FROM sandbox_boxes WHERE state = 'ready' ${where} ORDER BY id, tenant`
    const rows = await this.#tables.read<BoxRow>(sql, tenant === undefined ? [] : [tenant], { maxRows: 100_000 })
    return rows.map(recordOf)
  }

  /** Rejects with `quota.count` when its tenant has `most` already. */
  async addSnapshot(snapshot: SnapshotInfo, most: number = Number.MAX_SAFE_INTEGER): Promise<void> {
    const { id, sandboxId, tenant, createdAt, bytes, limits, provider } = snapshot
    const added = await this.#write(
      `INSERT INTO sandbox_snapshots SELECT ?, ?, ?, ?, ?, ?, ?
       WHERE (SELECT COUNT(*) FROM sandbox_snapshots WHERE tenant = ?) < ?`,
      [id, sandboxId, tenant, createdAt, bytes, JSON.stringify(limits), provider, tenant, most],
    )
    if (added > 0) return
    throw new MayflyError("quota.count", `tenant "${tenant}" has ${most} snapshots`, {
      details: { tenant, what: "snapshots", most },
    })
  }

  async getSnapshot(id: string): Promise<SnapshotInfo | undefined> {
    const rows = await this.#tables.read<SnapshotRow>("SELECT * FROM sandbox_snapshots WHERE id = ?", [id])
    return rows[0] === undefined ? undefined : snapshotOf(rows[0])
  }

  async listSnapshots(tenant: string | undefined): Promise<readonly SnapshotInfo[]> {
    const where = tenant === undefined ? "" : "WHERE tenant = ?"
    const sql = `SELECT * FROM sandbox_snapshots ${where} ORDER BY created_at, id`
    const rows = await this.#tables.read<SnapshotRow>(sql, tenant === undefined ? [] : [tenant], { maxRows: 100_000 })
    return rows.map(snapshotOf)
  }

  async forgetSnapshot(id: string): Promise<boolean> {
    return (await this.#write("DELETE FROM sandbox_snapshots WHERE id = ?", [id])) > 0
  }

  async #write(sql: string, parameters: readonly (string | number)[]): Promise<number> {
    const [result] = await this.#tables.write([{ sql, parameters }])
    return result?.changes ?? 0
  }
}

function recordOf(row: BoxRow): SandboxRecord {
  const options = JSON.parse(row.options) as Omit<SandboxRecord, "id" | "key" | "tenant" | "createdAt">
  return { id: row.id, key: row.key, tenant: row.tenant, createdAt: row.created_at, ...options }
}

function snapshotOf(row: SnapshotRow): SnapshotInfo {
  return {
    id: row.id,
    sandboxId: row.sandbox_id,
    tenant: row.tenant,
    provider: row.provider,
    createdAt: row.created_at,
    bytes: row.bytes,
    limits: JSON.parse(row.limits) as SandboxLimits,
  }
}
