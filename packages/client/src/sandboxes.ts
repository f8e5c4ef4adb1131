import {
  MayflyError,
  pathSegment,
  type SandboxInfo,
  type SandboxSettings,
  type SandboxSummary,
  type SnapshotInfo,
} from "@mayfly/protocol"
import type { Http } from "./http.ts"
import type { RemotePlatform } from "./remote-platform.ts"
import { Sandbox } from "./sandbox.ts"

/** As in the library. */
export interface SandboxOptions extends SandboxSettings {
  /** Default: the server of MAYFLY_URL and MAYFLY_KEY. */
  readonly platform?: RemotePlatform
}

/** Of options those that are sent. */
export type TenantSandboxOptions = Omit<SandboxOptions, "platform">

/** `platform.env.SANDBOX`, for one tenant of a server. */
export class Sandboxes {
  readonly http: Http

  constructor(http: Http) {
    this.http = http
  }

  async create({ from, ...options }: TenantSandboxOptions = {}): Promise<Sandbox> {
    const snapshot = typeof from === "object" ? from.id : from
    const json = { ...options, ...(snapshot === undefined ? {} : { from: snapshot }) }
    return this.made(await this.http.json<SandboxInfo>("POST", "/v1/sandboxes", { json }))
  }

  /** @internal What the server says that it made. */
  made({ id, tenant }: SandboxInfo): Sandbox {
    if (typeof id === "string") return new Sandbox(new Sandboxes(this.http.forTenant(tenant)), id)
    throw new MayflyError("client.not-mayfly", "the server made a sandbox without an id")
  }

  /** Rejects with `sandbox.not-found`. */
  async get(id: string): Promise<Sandbox> {
    await this.http.json("GET", `/v1/sandboxes/${pathSegment(id)}`)
    return new Sandbox(this, id)
  }

  async open(id: string, options: Omit<TenantSandboxOptions, "id"> = {}): Promise<Sandbox> {
    try {
      return await this.create({ ...options, id })
    } catch (error) {
      if (error instanceof MayflyError && error.code === "sandbox.exists") return this.get(id)
      throw error
    }
  }

  async list(): Promise<readonly SandboxSummary[]> {
    return this.http.all("/v1/sandboxes", "sandboxes")
  }

  async destroy(id: string): Promise<void> {
    try {
      await this.http.json("DELETE", `/v1/sandboxes/${pathSegment(id)}`)
    } catch (error) {
      if (!(error instanceof MayflyError) || error.code !== "sandbox.not-found") throw error
    }
  }

  /** Saved copies; they outlive their sandbox. */
  async snapshots(): Promise<readonly SnapshotInfo[]> {
    return this.http.all("/v1/snapshots", "snapshots")
  }

  /** Rejects with `sandbox.not-found`. */
  async removeSnapshot(id: string): Promise<void> {
    await this.http.json("DELETE", `/v1/snapshots/${pathSegment(id)}`)
  }
}
