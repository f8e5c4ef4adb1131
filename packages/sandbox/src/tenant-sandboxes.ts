import { MayflyError, type SandboxSummary, type SnapshotInfo } from "@mayfly/protocol"
import type { Sandbox } from "./sandbox.ts"
import type { SandboxOptions } from "./sandbox-options.ts"
import type { Sandboxes } from "./sandboxes.ts"

/** Options that a tenant chooses; whose the sandbox is, is not among them. */
export type TenantSandboxOptions = Omit<SandboxOptions, "tenant" | "platform">

/** The sandboxes of one tenant, with ids of its own. Those of others are not there for it. */
export class TenantSandboxes {
  readonly #home: Sandboxes
  readonly #tenant: string

  /** @internal Use `platform.sandboxes(tenant)`. */
  constructor(home: Sandboxes, tenant: string) {
    this.#home = home
    this.#tenant = tenant
  }

  /** A provider must be one that is offered. Rejects with `sandbox.exists`, and with `sandbox.not-found` for a snapshot that is not this tenant's. */
  async create(options: TenantSandboxOptions = {}): Promise<Sandbox> {
    return this.#home.create(await this.#owned(options))
  }

  async get(id: string): Promise<Sandbox> {
    return this.#home.get(id, { tenant: this.#tenant })
  }

  /** Gets it, or makes it with these options. */
  async open(id: string, options: Omit<TenantSandboxOptions, "id"> = {}): Promise<Sandbox> {
    return this.#home.open(id, await this.#owned(options))
  }

  async list(): Promise<readonly SandboxSummary[]> {
    return this.#home.list({ tenant: this.#tenant })
  }

  /** Saved copies, the oldest first; they outlive their sandbox. */
  async snapshots(): Promise<readonly SnapshotInfo[]> {
    return this.#home.snapshots({ tenant: this.#tenant })
  }

  /** One that is not this tenant's is `sandbox.not-found`. */
  async removeSnapshot(id: string): Promise<void> {
    await this.#checkSnapshot(id)
    await this.#home.removeSnapshot(id)
  }

  async #checkSnapshot(id: string): Promise<void> {
    const snapshots = await this.snapshots()
    if (!snapshots.some((snapshot) => snapshot.id === id))
      throw new MayflyError("sandbox.not-found", `there is no snapshot "${String(id).slice(0, 64)}"`)
  }

  async #owned<Options extends TenantSandboxOptions>(options: Options): Promise<Options & { readonly tenant: string }> {
    const { from, provider } = options
    await this.#home.checkOffered(provider)
    const id = typeof from === "object" && from !== null ? from.id : from
    if (id !== undefined) await this.#checkSnapshot(id)
    return { ...options, tenant: this.#tenant }
  }
}
