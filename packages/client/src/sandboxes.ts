import { MayflyError, type NetworkPolicy, pathSegment } from "@mayfly/protocol"
import type { Http } from "./http.ts"
import type { RemotePlatform } from "./remote-platform.ts"
import { Sandbox } from "./sandbox.ts"

export interface SandboxOptions {
  readonly id?: string
  readonly limits?: Readonly<Record<string, number | null>>
  readonly network?: NetworkPolicy
  readonly env?: Readonly<Record<string, string>>
  /** A snapshot. */
  readonly from?: string | { readonly id: string }
  readonly sleepAfter?: string | number | null
  readonly provider?: string
  /** Default: the server of MAYFLY_URL and MAYFLY_KEY. */
  readonly platform?: RemotePlatform
}

export interface SandboxSummary {
  readonly id: string
  readonly tenant: string
  readonly status: string
  readonly createdAt: number
}

export interface SandboxInfo extends SandboxSummary {
  readonly limits: Readonly<Record<string, number | null>>
  readonly network: NetworkPolicy
  readonly sleepAfterMs: number | null
  readonly provider: Readonly<Record<string, unknown>>
}

export interface SnapshotInfo {
  readonly id: string
  readonly sandboxId: string
  readonly createdAt: number
  readonly bytes: number
}

/** `platform.env.SANDBOX`, for one tenant of a server. */
export class Sandboxes {
  readonly http: Http

  constructor(http: Http) {
    this.http = http
  }

  async create({ from, ...options }: Omit<SandboxOptions, "platform"> = {}): Promise<Sandbox> {
    const snapshot = typeof from === "object" ? from.id : from
    const json = { ...options, ...(snapshot === undefined ? {} : { from: snapshot }) }
    const { id } = await this.http.json<SandboxInfo>("POST", "/v1/sandboxes", { json })
    return new Sandbox(this, id)
  }

  /** Rejects with `sandbox.not-found`. */
  async get(id: string): Promise<Sandbox> {
    await this.http.json("GET", `/v1/sandboxes/${pathSegment(id)}`)
    return new Sandbox(this, id)
  }

  async open(id: string, options: Omit<SandboxOptions, "id" | "platform"> = {}): Promise<Sandbox> {
    try {
      return await this.create({ ...options, id })
    } catch (error) {
      if (error instanceof MayflyError && error.code === "sandbox.exists") return this.get(id)
      throw error
    }
  }

  async list(): Promise<readonly SandboxSummary[]> {
    const all: SandboxSummary[] = []
    for (let cursor: string | undefined; ;) {
      const page = await this.http.json<{ sandboxes: SandboxSummary[]; cursor?: string }>("GET", "/v1/sandboxes", {
        query: { limit: 1_000, cursor },
      })
      all.push(...page.sandboxes)
      cursor = page.cursor
      if (cursor === undefined) return all
    }
  }

  async destroy(id: string): Promise<void> {
    try {
      await this.http.json("DELETE", `/v1/sandboxes/${pathSegment(id)}`)
    } catch (error) {
      if (!(error instanceof MayflyError) || error.code !== "sandbox.not-found") throw error
    }
  }

  async snapshots(): Promise<readonly SnapshotInfo[]> {
    return (await this.http.json<{ snapshots: SnapshotInfo[] }>("GET", "/v1/snapshots", { query: { limit: 1_000 } }))
      .snapshots
  }

  async deleteSnapshot(id: string): Promise<void> {
    await this.http.json("DELETE", `/v1/snapshots/${pathSegment(id)}`)
  }
}
