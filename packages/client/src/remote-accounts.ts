import { fromTaggedJson, type LogLine, type MayflyError, pathSegment, type Usage } from "@mayfly/protocol"
import { errorFromJson } from "./api-error.ts"
import type { Http } from "./http.ts"

/** These routes take no tenant in their query. */
const wholeServer = { tenant: undefined }

export interface UsageReport {
  /** Days of UTC, such as `2026-11-23`. */
  readonly from: string
  readonly to: string
  readonly rows: readonly (UsageTotals & {
    readonly tenant?: string
    readonly worker?: string
    readonly day?: string
  })[]
  readonly total: UsageTotals
}

export interface UsageTotals {
  readonly runs: number
  readonly failedRuns: number
  readonly cpuMs: number
  readonly wallMs: number
  readonly memoryGbMs: number
  readonly bytesIn: number
  readonly bytesOut: number
  readonly [amount: string]: number | string | undefined
}

export interface UsageQuery {
  readonly from?: string
  readonly to?: string
  readonly by?: readonly ("tenant" | "worker" | "day")[]
}

/** What was used, exact to the millisecond. */
export class RemoteUsage {
  readonly #http: Http

  constructor(http: Http) {
    this.#http = http
  }

  /** All rows, from as many pages as there are. Default: this month's. */
  async report({ by, ...query }: UsageQuery = {}): Promise<UsageReport> {
    const wanted = { ...query, by: by?.join(","), limit: 1_000 }
    const page = (cursor?: string): Promise<UsageReport & { readonly cursor?: string }> =>
      this.#http.json("GET", "/v1/usage", { query: { ...wanted, cursor } })
    const { cursor: second, rows, ...rest } = await page()
    const all = [...rows]
    for (let cursor = second; cursor !== undefined;) {
      const next = await page(cursor)
      all.push(...next.rows)
      cursor = next.cursor
    }
    return { ...rest, rows: all }
  }
}

export interface ListedRun {
  readonly id: string
  readonly tenant: string
  /** A name, or the content hash. */
  readonly worker: string
  readonly hash: string
  readonly status: "queued" | "running" | "succeeded" | "failed" | "cancelled"
  readonly startedAt?: number
  readonly endedAt?: number
}

export interface RunDetails extends ListedRun {
  readonly usage?: Usage
  readonly logs?: readonly LogLine[]
  readonly error?: MayflyError
  /** Missing when it is large, or results are not kept. */
  readonly result?: unknown
}

/** Runs that were, and those that are. */
export class RemoteRuns {
  readonly #http: Http

  constructor(http: Http) {
    this.#http = http
  }

  /** The newest first. */
  async list(
    query: {
      readonly status?: ListedRun["status"]
      readonly worker?: string
      readonly since?: number
      readonly limit?: number
      readonly cursor?: string
    } = {},
  ): Promise<{ readonly runs: readonly ListedRun[]; readonly cursor?: string }> {
    return this.#http.json("GET", "/v1/runs", { query: { ...query } })
  }

  async get(id: string): Promise<RunDetails> {
    const { error, result, ...run } = await this.#http.json<RunDetails>("GET", `/v1/runs/${pathSegment(id)}`)
    const failure = errorFromJson(error)
    return {
      ...run,
      ...(failure === undefined ? {} : { error: failure }),
      ...(result === undefined ? {} : { result: fromTaggedJson(result) }),
    }
  }

  /** Also one that waits for its turn. */
  async cancel(id: string): Promise<void> {
    await this.#http.json("POST", `/v1/runs/${pathSegment(id)}/cancel`)
  }
}

export type Scope = "run" | "workflows" | "sandboxes" | "ledger" | "admin"

export interface KeyInfo {
  readonly id: string
  readonly name: string
  readonly scopes: readonly Scope[]
  /** The only tenant that it reaches; null: all. */
  readonly tenant: string | null
  readonly createdAt: number
  readonly expiresAt: number | null
  readonly revokedAt: number | null
  readonly lastUsedAt: number | null
}

/** Keys of the server. Needs one with the scope `admin`. */
export class RemoteKeys {
  readonly #http: Http

  constructor(http: Http) {
    this.#http = http
  }

  /** The key itself is shown only now. */
  async create(options: {
    readonly name: string
    readonly scopes: readonly Scope[]
    readonly tenant?: string | null
    readonly expiresInMs?: number
  }): Promise<KeyInfo & { readonly key: string }> {
    return this.#http.json("POST", "/v1/keys", { json: options, query: wholeServer, retry: false })
  }

  async list(
    query: { readonly limit?: number; readonly cursor?: string } = {},
  ): Promise<{ readonly keys: readonly KeyInfo[]; readonly cursor?: string }> {
    return this.#http.json("GET", "/v1/keys", { query: { ...query } })
  }

  /** Ends at once what is open with it. */
  async revoke(id: string): Promise<void> {
    await this.#http.json("DELETE", `/v1/keys/${pathSegment(id)}`, { query: wholeServer })
  }
}

export interface Tenant {
  readonly id: string
  readonly quota: Readonly<Record<string, unknown>>
  readonly budget: Readonly<Record<string, unknown>>
  readonly suspended: { readonly at: number; readonly reason: string } | null
  readonly used: { readonly day: UsageTotals; readonly month: UsageTotals }
  readonly running: number
  readonly waiting: number
}

/** Quotas, budgets and the kill switch. Needs an admin key of all tenants. */
export class RemoteTenants {
  readonly #http: Http

  constructor(http: Http) {
    this.#http = http
  }

  async list(
    query: { readonly limit?: number; readonly cursor?: string } = {},
  ): Promise<{ readonly tenants: readonly Tenant[]; readonly cursor?: string }> {
    return this.#http.json("GET", "/v1/tenants", { query: { ...query, ...wholeServer } })
  }

  async get(id: string): Promise<Tenant> {
    return this.#http.json("GET", `/v1/tenants/${pathSegment(id)}`, { query: wholeServer })
  }

  /** What is not named stays as it is. */
  async set(
    id: string,
    changes: {
      readonly quota?: object
      readonly budget?: object
      readonly suspended?: boolean
      readonly reason?: string
    },
  ): Promise<Tenant> {
    return this.#http.json("PUT", `/v1/tenants/${pathSegment(id)}`, { json: changes, query: wholeServer })
  }
}
