import type { SecretKey } from "@mayfly/mesh"
import { MayflyError, type WorkerVersion, type NamedWorkerInfo } from "@mayfly/protocol"
import {
  DynamicWorker,
  parseTenant,
  type Run,
  type RunEvent,
  type RunOptions,
  type Runtime,
  type WorkerResponse,
} from "@mayfly/runtime"
import type { Store, Tables } from "@mayfly/store"
import type { Accounts } from "../accounts/accounts.ts"
import {
  encodeDefinition,
  parseWorkerName,
  readDefinition,
  storedDefinition,
  versionOf,
  type WorkerDefinition,
} from "./worker-definition.ts"
import type { procedures, VersionRow } from "./worker-procedures.ts"
import { owner } from "./worker-tables.ts"

export interface NamedWorkersOptions {
  readonly runtime: Runtime
  readonly store: () => Promise<Store>
  readonly accounts: Accounts
  /** What environments are encrypted with. */
  readonly key: () => SecretKey
}

/** Fires when a worker is removed, unless it was disposed before. Disposing twice is safe. */
export interface UntilRemoved extends Disposable {
  readonly signal: AbortSignal
}

/** A version that is compiled. */
export interface LoadedVersion {
  readonly worker: DynamicWorker
  readonly reuse: boolean
}

const defaultMaxWorkers = 1_000
const maxVersions = 20
/** Compiled workers in memory; the one that was called longest ago goes. */
const maxLoaded = 500
const maxListed = 100_000
const lingerMs = 30_000

/** What all tenants' named workers share: rows, and the workers that are compiled. */
export class WorkerShelf {
  readonly #options: NamedWorkersOptions
  /** By tenant and name, in order of last use. One process owns the store, so it is as the store is. */
  readonly #loaded = new Map<string, Promise<LoadedVersion>>()
  /** Who waits for a worker's removal, by tenant and name. */
  readonly #removals = new Map<string, Set<AbortController>>()
  #opening: Promise<Tables<typeof procedures>> | undefined

  constructor(options: NamedWorkersOptions) {
    this.#options = options
  }

  async tables(): Promise<Tables<typeof procedures>> {
    this.#opening ??= this.#open()
    return this.#opening
  }

  async #open(): Promise<Tables<typeof procedures>> {
    try {
      return await (await this.#options.store()).attach<typeof procedures>(owner)
    } catch (error) {
      this.#opening = undefined
      throw error
    }
  }

  compile(tenant: string, name: string, { reuse: _, ...options }: WorkerDefinition): Promise<DynamicWorker> {
    return DynamicWorker.create({ ...options, tenant, name, platform: { runtime: this.#options.runtime } })
  }

  async deploy(tenant: string, name: string, definition: WorkerDefinition): Promise<void> {
    const { accounts, store, key } = this.#options
    const account = await accounts.account(tenant)
    account.check()
    const encoded = encodeDefinition(definition)
    // What does not compile is not stored.
    const worker = await this.compile(tenant, name, definition)
    const stored = storedDefinition(encoded, { tenant, name }, key)
    const blob = await (await store()).blobs.put(new TextEncoder().encode(stored))
    const tables = await this.tables()
    await tables.call("deploy", {
      tenant,
      name,
      version: versionOf(stored),
      hash: worker.hash,
      blob,
      bytes: Buffer.byteLength(encoded),
      now: Date.now(),
      maxWorkers: account.quota.workers ?? defaultMaxWorkers,
      maxVersions,
    })
    this.forget(tenant, name)
  }

  /** The version that is called now, compiled. */
  load(tenant: string, name: string): Promise<LoadedVersion> {
    const key = `${tenant} ${name}`
    const loading = this.#loaded.get(key) ?? this.#load(tenant, name)
    this.#loaded.delete(key)
    this.#loaded.set(key, loading)
    loading.catch(() => {
      if (this.#loaded.get(key) === loading) this.#loaded.delete(key)
    })
    if (this.#loaded.size > maxLoaded) for (const oldest of this.#loaded.keys()) return this.#drop(oldest, loading)
    return loading
  }

  async #load(tenant: string, name: string): Promise<LoadedVersion> {
    const [row] = await this.rows(tenant, name)
    if (row === undefined) throw notFound(name)
    const bytes = await (await this.#options.store()).blobs.get(row.blob)
    if (bytes === null) throw new MayflyError("store.corrupt", `the program of the worker "${name}" is missing`)
    const definition = readDefinition(new TextDecoder().decode(bytes), { tenant, name }, this.#options.key)
    return { worker: await this.compile(tenant, name, definition), reuse: definition.reuse === true }
  }

  #drop(key: string, keep: Promise<LoadedVersion>): Promise<LoadedVersion> {
    const old = this.#loaded.get(key)
    this.#loaded.delete(key)
    // Whoever has just got it may be about to call it.
    old?.then(({ worker }) => setTimeout(() => void worker.dispose(), lingerMs).unref()).catch(() => {})
    return keep
  }

  /** Runs under way go on; the next one gets what is stored. */
  forget(tenant: string, name: string): void {
    const key = `${tenant} ${name}`
    const loading = this.#loaded.get(key)
    if (loading !== undefined) void this.#drop(key, loading)
  }

  untilRemoved(tenant: string, name: string): UntilRemoved {
    const key = `${tenant} ${name}`
    const waiting = this.#removals.get(key) ?? new Set()
    const removal = new AbortController()
    this.#removals.set(key, waiting.add(removal))
    return {
      signal: removal.signal,
      [Symbol.dispose]: () => {
        if (waiting.delete(removal) && waiting.size === 0) this.#removals.delete(key)
      },
    }
  }

  removed(tenant: string, name: string): void {
    this.forget(tenant, name)
    for (const removal of this.#removals.get(`${tenant} ${name}`) ?? []) removal.abort(notFound(name))
  }

  /** Current versions: of one worker, or of all. */
  async rows(tenant: string, name?: string): Promise<readonly VersionRow[]> {
    const tables = await this.tables()
    const sql = `SELECT n.name, n.version, n.updated_at, v.hash, v.blob, v.bytes, v.created_at FROM workers_names n
      JOIN workers_versions v ON v.tenant = n.tenant AND v.name = n.name AND v.version = n.version
      WHERE n.tenant = ?${name === undefined ? "" : " AND n.name = ?"} ORDER BY n.name`
    return tables.read<VersionRow>(sql, name === undefined ? [tenant] : [tenant, name], { maxRows: maxListed })
  }
}

/** The named workers of one tenant: deployed once, called by name, over restarts too. */
export class NamedWorkers {
  readonly #shelf: WorkerShelf
  readonly #tenant: string

  /** @internal Use `platform.workers(tenant)`. */
  constructor(shelf: WorkerShelf, tenant: string) {
    this.#shelf = shelf
    this.#tenant = parseTenant(tenant)
  }

  /**
   * Stores a worker, or a new version of it, which is called from then on. Rejects with what `DynamicWorker.create` rejects with, nothing is stored then,
   * and with `quota.count`. The same again changes nothing.
   */
  async deploy(name: string, definition: WorkerDefinition): Promise<NamedWorkerInfo> {
    await this.#shelf.deploy(this.#tenant, parseWorkerName(name), definition)
    return this.get(name)
  }

  /** Rejects with `worker.not-found`. */
  async get(name: string): Promise<NamedWorkerInfo> {
    const [row] = await this.#shelf.rows(this.#tenant, parseWorkerName(name))
    if (row === undefined) throw notFound(name)
    return infoOf(this.#tenant, row)
  }

  async list(): Promise<readonly NamedWorkerInfo[]> {
    return (await this.#shelf.rows(this.#tenant)).map((row) => infoOf(this.#tenant, row))
  }

  /** The newest first; at most twenty are kept. Rejects with `worker.not-found`. */
  async versions(name: string): Promise<readonly WorkerVersion[]> {
    const { version: current } = await this.get(name)
    const tables = await this.#shelf.tables()
    const sql =
      "SELECT version, hash, bytes, created_at FROM workers_versions WHERE tenant = ? AND name = ? ORDER BY seq DESC"
    const rows = await tables.read<VersionRow>(sql, [this.#tenant, name])
    return rows.map(({ version, hash, bytes, created_at: createdAt }) => ({
      version,
      hash,
      bytes,
      createdAt,
      isCurrent: version === current,
    }))
  }

  /** Makes an earlier version the one that is called. Rejects with `worker.not-found`. */
  async rollback(name: string, version: string): Promise<NamedWorkerInfo> {
    const tables = await this.#shelf.tables()
    const given = { tenant: this.#tenant, name: parseWorkerName(name), version: String(version), now: Date.now() }
    if (!(await tables.call("rollback", given)))
      throw new MayflyError(
        "worker.not-found",
        `the worker "${name}" has no version "${String(version).slice(0, 100)}"`,
      )
    this.#shelf.forget(this.#tenant, name)
    return this.get(name)
  }

  /** Removes it with all versions. Runs under way go on. Rejects with `worker.not-found`. */
  async remove(name: string): Promise<void> {
    const tables = await this.#shelf.tables()
    if (!(await tables.call("remove", { tenant: this.#tenant, name: parseWorkerName(name) }))) throw notFound(name)
    this.#shelf.removed(this.#tenant, name)
  }

  /** For what a caller holds open of a worker, such as WebSockets. The caller disposes it. */
  untilRemoved(name: string): UntilRemoved {
    return this.#shelf.untilRemoved(this.#tenant, parseWorkerName(name))
  }

  /** Calls it once. Never rejects for what the program did. Rejects with `worker.not-found`. */
  async execute(name: string, input?: unknown, options: RunOptions = {}): Promise<Run> {
    const { worker, reuse } = await this.load(name)
    return worker.execute(input, { reuse, ...options })
  }

  /** The same as events. */
  async *stream(name: string, input?: unknown, options: RunOptions = {}): AsyncGenerator<RunEvent, void, void> {
    const { worker, reuse } = await this.load(name)
    yield* worker.stream(input, { reuse, ...options })
  }

  /** Calls its fetch handler; bodies stream in both directions. */
  async fetch(name: string, request: Request): Promise<WorkerResponse> {
    const { worker, reuse } = await this.load(name)
    return worker.fetch(request, { reuse })
  }

  /** The version that is called now, compiled; the worker stays the shelf's. Rejects with `worker.not-found`. */
  async load(name: string): Promise<LoadedVersion> {
    return this.#shelf.load(this.#tenant, parseWorkerName(name))
  }
}

function infoOf(tenant: string, row: VersionRow): NamedWorkerInfo {
  const { name, version, hash, bytes, created_at: createdAt, updated_at: updatedAt } = row
  return { tenant, name, version, hash, bytes, createdAt, updatedAt }
}

function notFound(name: string): MayflyError {
  return new MayflyError("worker.not-found", `there is no worker "${String(name).slice(0, 100)}"`)
}
