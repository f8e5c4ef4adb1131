import { randomBytes } from "node:crypto"
import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import {
  MayflyError,
  type NetworkPolicy,
  type Exposure,
  type SandboxInfo,
  type SandboxSummary,
  type ProviderReport,
  type SandboxLimits,
  type SnapshotInfo,
} from "@mayfly/protocol"
import type { Store } from "@mayfly/store"
import { claimDirectory, isAbandoned } from "./claim-directory.ts"
import type { DockerOptions } from "./docker/docker-provider.ts"
import { LiveSandbox, specOf } from "./live-sandbox.ts"
import { Previews } from "./previews.ts"
import { noSandboxGovernor, type SandboxGovernor } from "./sandbox-governor.ts"
import { Sandbox } from "./sandbox.ts"
import type { SandboxEgress } from "./sandbox-egress.ts"
import {
  invalid,
  parseNetwork,
  parseSandboxId,
  parseSandboxOptions,
  parseTenant,
  type SandboxOptions,
} from "./sandbox-options.ts"
import type { SandboxProvider } from "./sandbox-provider.ts"
import { SandboxProviders } from "./sandbox-providers.ts"
import { type SandboxRecord, SandboxRegistry } from "./sandbox-registry.ts"

export interface SandboxesOptions {
  readonly store: () => Promise<Store>
  /** Holds the files. Default: a temporary folder that ends with this object. */
  readonly directory?: string
  /** The way out. Without one a sandbox reaches nothing. */
  readonly egress?: SandboxEgress
  /** The network policy of sandboxes that bring none. Default: nothing can be reached. */
  readonly network?: NetworkPolicy
  /** Says what tenants may do. Without one they may do anything. */
  readonly governor?: SandboxGovernor
  /** What holds sandboxes that name no provider: the name of one, or one of your own. Default "bubblewrap". */
  readonly provider?: string | ((directory: string) => SandboxProvider)
  /** Providers that a tenant may name itself, beside the default. Default none: a weaker one is the owner's choice. */
  readonly offer?: readonly string[]
  /** Of the provider "docker". */
  readonly docker?: DockerOptions
}

/** A tenant without a quota keeps at most this many; they take disk, as sandboxes do. */
const maxSnapshots = 10_000
/** For each sandbox that its quota allows. */
const snapshotsPerSandbox = 10

interface Home {
  readonly directory: string
  readonly providers: SandboxProviders
  readonly registry: SandboxRegistry
  close(): void
}

/** All sandboxes of a platform. Whoever makes it disposes it; sandboxes stop then, and their files stay when it has a directory. */
export class Sandboxes implements AsyncDisposable {
  /** Addresses that show ports, for the server that carries them. */
  readonly previews = new Previews()
  readonly #options: SandboxesOptions
  readonly #governor: SandboxGovernor
  /** One object per sandbox, so that everybody sees the same processes. */
  readonly #handles = new Map<string, { readonly live: LiveSandbox; readonly sandbox: Sandbox }>()
  #opening: Promise<Home> | undefined
  #isDisposed = false

  constructor(options: SandboxesOptions) {
    this.#options = options
    this.#governor = options.governor ?? noSandboxGovernor
  }

  /** How many run now. */
  get running(): number {
    return [...this.#handles.values()].filter(({ live }) => live.status === "running").length
  }

  /** How sandboxes are held here, and how well; by default those that name no provider. Rejects with `sandbox.unavailable`. */
  async probe(provider?: string): Promise<ProviderReport> {
    const { providers } = await this.#open()
    return providers.probe(provider ?? providers.defaultName)
  }

  async create(options: SandboxOptions = {}): Promise<Sandbox> {
    const { id, from, provider: wanted, ...rest } = parseSandboxOptions(options)
    const { providers, registry } = await this.#open()
    const snapshot = from === undefined ? undefined : await this.#snapshotOf(from)
    const provider = await providers.get(wanted ?? snapshot?.provider ?? providers.defaultName)
    checkProvider(snapshot, provider.name)
    if (provider.takesNetworks === true) this.#options.egress?.warm?.()
    const limits = withDiskOf(snapshot, rest.limits, options.limits?.diskMb)
    const record: SandboxRecord = {
      id: id ?? randomName(),
      key: randomName(),
      ...rest,
      network: this.#checked(options.network ?? this.#options.network ?? {}),
      limits,
      createdAt: Date.now(),
      provider: provider.name,
    }
    if (reachesOut(record.network)) checkHasNetwork(await provider.probe())
    await registry.begin(record, await this.#governor.mayCreate(record.tenant))
    try {
      await provider.create(specOf(record), from)
      await registry.setState(record, "ready")
    } catch (error) {
      await provider.remove(record.key)
      await registry.forget(record)
      throw error
    }
    return this.#handle(record, provider)
  }

  /** @internal Throws `input.invalid` for a provider that a tenant may not choose. */
  async checkOffered(provider: string | undefined): Promise<void> {
    if (provider === undefined) return
    const offered = [(await this.#open()).providers.defaultName, ...(this.#options.offer ?? [])]
    if (!offered.includes(provider))
      throw invalid("provider", `must be one that is offered here: ${offered.join(", ")}`)
  }

  /** Each tenant has ids of its own. Default "default". */
  async get(id: string, { tenant }: { readonly tenant?: string } = {}): Promise<Sandbox> {
    const sandbox = await this.#find(parseSandboxId(id), parseTenant(tenant))
    if (sandbox !== undefined) return sandbox
    throw new MayflyError("sandbox.not-found", `there is no sandbox "${id}"`, { details: { id } })
  }

  async open(id: string, options: Omit<SandboxOptions, "id"> = {}): Promise<Sandbox> {
    const parsed = parseSandboxId(id)
    const { tenant } = parseSandboxOptions(options)
    const found = await this.#find(parsed, tenant)
    if (found !== undefined) return found
    try {
      return await this.create({ ...options, id: parsed })
    } catch (error) {
      // Another caller was quicker. While it has not finished there is nothing to get yet.
      if (error instanceof MayflyError && error.code === "sandbox.exists") return this.#whenReady(parsed, tenant, error)
      throw error
    }
  }

  async list({ tenant }: { readonly tenant?: string } = {}): Promise<readonly SandboxSummary[]> {
    const { registry } = await this.#open()
    return (await registry.list(tenant)).map(({ id, tenant: of, createdAt }) => ({
      id,
      tenant: of,
      createdAt,
      status: this.#handles.get(nameOf(of, id))?.live.status ?? "stopped",
    }))
  }

  async snapshots({ tenant }: { readonly tenant?: string } = {}): Promise<readonly SnapshotInfo[]> {
    return (await this.#open()).registry.listSnapshots(tenant)
  }

  /** One that is not there is `sandbox.not-found`. */
  async removeSnapshot(id: string): Promise<void> {
    const { registry, providers } = await this.#open()
    const { provider } = await this.#snapshotOf(id)
    await registry.forgetSnapshot(id)
    await (await providers.get(provider)).removeSnapshot(id)
  }

  /** @internal */
  async snapshot(live: LiveSandbox): Promise<SnapshotInfo> {
    live.checkUsable()
    const { tenant } = live.record
    const sandboxes = await this.#governor.mayCreate(tenant)
    const most = sandboxes === null ? maxSnapshots : sandboxes * snapshotsPerSandbox
    return this.#snapshot(live, most)
  }

  async #snapshot(live: LiveSandbox, most?: number): Promise<SnapshotInfo> {
    const { registry, providers } = await this.#open()
    const { id: sandboxId, tenant, limits, provider: name } = live.record
    const provider = await providers.get(name)
    const id = `snap-${randomBytes(8).toString("hex")}`
    const bytes = await live.exclusively((running) => provider.snapshot(specOf(live.record), id, running))
    const snapshot = { id, sandboxId, tenant, provider: name, createdAt: Date.now(), bytes, limits }
    try {
      await registry.addSnapshot(snapshot, most)
    } catch (error) {
      await provider.removeSnapshot(id)
      throw error
    }
    return snapshot
  }

  /** @internal */
  async fork(live: LiveSandbox, options: SandboxOptions): Promise<Sandbox> {
    // Before files are copied; and spread over the original's limits, what is none would look like none.
    parseSandboxOptions(options)
    live.checkUsable()
    const { limits, network, env, sleepAfterMs, tenant } = live.record
    await this.#governor.mayCreate(tenant)
    // It is gone when the fork is there: none of those that the tenant keeps.
    const snapshot = await this.#snapshot(live)
    try {
      return await this.create({
        network,
        env,
        sleepAfter: sleepAfterMs,
        tenant,
        ...options,
        limits: { ...limits, ...options.limits },
        from: snapshot.id,
      })
    } finally {
      await this.removeSnapshot(snapshot.id)
    }
  }

  /** @internal */
  async destroy(live: LiveSandbox): Promise<void> {
    if (live.status === "destroyed") return
    const { providers, registry } = await this.#open()
    const { id, tenant, key } = live.record
    const provider = await providers.get(live.record.provider)
    this.previews.unexpose(live)
    await live.destroy(async () => {
      await registry.setState(live.record, "removing")
      await provider.remove(key)
      await registry.forget(live.record)
      this.#handles.delete(nameOf(tenant, id))
    })
  }

  /** @internal */
  async setEnvironment(live: LiveSandbox, env: Readonly<Record<string, string>>): Promise<void> {
    live.checkUsable()
    live.record = { ...live.record, env }
    await (await this.#open()).registry.setOptions(live.record)
  }

  /** @internal */
  async setPolicy(live: LiveSandbox, network: unknown): Promise<void> {
    live.checkUsable()
    const checked = this.#checked(parseNetwork(network))
    const { registry } = await this.#open()
    await live.setPolicy(checked, (record) => registry.setOptions(record))
  }

  /** @internal */
  async info(live: LiveSandbox): Promise<SandboxInfo> {
    const { id, tenant, createdAt, limits, network, sleepAfterMs } = live.record
    const provider = await this.probe(live.record.provider)
    return { id, tenant, status: live.status, createdAt, limits, network, sleepAfterMs, provider }
  }

  /** @internal */
  async expose(live: LiveSandbox, port: number, ttlMs: number | null): Promise<Exposure> {
    await this.#open()
    return this.previews.expose(live, port, ttlMs)
  }

  /** @internal */
  async unexpose(live: LiveSandbox, port: number): Promise<void> {
    live.checkUsable()
    const { registry } = await this.#open()
    if (!this.previews.unexpose(live, port)) return
    // Whoever has the address that was taken back must not have the next one with it.
    live.record = { ...live.record, previewEpoch: (live.record.previewEpoch ?? 0) + 1 }
    await registry.setOptions(live.record)
  }

  /**
   * Keeps the files of a sandbox still, named by the key that its folder has, for whoever copies the folder: what runs is paused until what this gives is disposed.
   * Undefined when there is none. Rejects with `sandbox.unsupported` when its provider can't.
   */
  async hold(key: string): Promise<AsyncDisposable | undefined> {
    const { registry, providers } = await this.#open()
    const record = await registry.withKey(key)
    if (record === undefined) return undefined
    const provider = await providers.get(record.provider).catch(() => undefined)
    // One that can't be had here runs nothing.
    if (provider === undefined) return new AsyncDisposableStack()
    this.#handle(record, provider)
    return this.#handles.get(nameOf(record.tenant, record.id))?.live.hold()
  }

  /** Stops what a tenant has awake; the files stay. */
  async stopOf(tenant: string): Promise<void> {
    const all = [...this.#handles.values()].filter(({ live }) => live.record.tenant === tenant)
    await Promise.all(all.map(({ live }) => live.stop()))
  }

  /** Stops all sandboxes. Calling twice is safe. */
  async dispose(): Promise<void> {
    if (this.#isDisposed) return
    this.#isDisposed = true
    const home = await this.#opening?.catch(() => undefined)
    await this.previews.close()
    await Promise.all([...this.#handles.values()].map(({ live }) => live.stop().catch(() => {})))
    await this.#options.egress?.close?.()
    home?.close()
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.dispose()
  }

  /** As data of its own: whoever gave it may still change it. */
  #checked(network: NetworkPolicy): NetworkPolicy {
    const { egress } = this.#options
    return egress === undefined ? structuredClone(network) : egress.check(network)
  }

  async #find(id: string, tenant: string): Promise<Sandbox | undefined> {
    const { registry, providers } = await this.#open()
    const known = this.#handles.get(nameOf(tenant, id))
    const isKnown = known !== undefined && known.live.status !== "destroyed"
    const record = isKnown ? known.live.record : await registry.get(tenant, id)
    return record === undefined ? undefined : this.#handle(record, await providers.get(record.provider))
  }

  async #whenReady(id: string, tenant: string, error: MayflyError): Promise<Sandbox> {
    for (let tries = 0; tries < 600; tries++) {
      const found = await this.#find(id, tenant)
      if (found !== undefined) return found
      await new Promise((resolve) => setTimeout(resolve, 50))
    }
    throw error
  }

  #handle(record: SandboxRecord, provider: SandboxProvider): Sandbox {
    const name = nameOf(record.tenant, record.id)
    const known = this.#handles.get(name)
    if (known !== undefined && known.live.status !== "destroyed") return known.sandbox
    const live = new LiveSandbox(record, provider, this.#governor, this.#options.egress)
    const sandbox = new Sandbox(live, this)
    this.#handles.set(name, { live, sandbox })
    return sandbox
  }

  async #snapshotOf(id: string): Promise<SnapshotInfo> {
    const snapshot = await (await this.#open()).registry.getSnapshot(id)
    if (snapshot !== undefined) return snapshot
    throw new MayflyError("sandbox.not-found", `there is no snapshot "${id}"`, { details: { id } })
  }

  #open(): Promise<Home> {
    if (this.#isDisposed) return Promise.reject(new MayflyError("platform.disposed", "the platform was disposed"))
    this.#opening ??= this.#openNow().catch((error: unknown) => {
      // Asked again, it tries again.
      this.#opening = undefined
      throw error
    })
    return this.#opening
  }

  async #openNow(): Promise<Home> {
    const isLasting = this.#options.directory !== undefined
    if (!isLasting) removeAbandoned()
    const directory = this.#options.directory ?? mkdtempSync(join(tmpdir(), temporaryPrefix))
    const release = claimDirectory(directory)
    const close = (): void => {
      release()
      if (!isLasting) rmSync(directory, { recursive: true, force: true })
    }
    try {
      const registry = await SandboxRegistry.open(await this.#options.store())
      await registry.forgetUnfinished()
      const { provider, docker } = this.#options
      const providers = new SandboxProviders({ directory, provider, docker }, registry)
      // What a supervisor that was killed left is cleared now; where the default can't be had, its first use says so.
      await providers.get(providers.defaultName).catch(() => {})
      this.previews.open(secretIn(directory))
      return { directory, providers, registry, close }
    } catch (error) {
      close()
      throw error
    }
  }
}

function randomName(): string {
  return `sb-${randomBytes(8).toString("hex")}`
}

/** No tenant's name has a slash. */
function nameOf(tenant: string, id: string): string {
  return `${tenant}/${id}`
}

const temporaryPrefix = "mayfly-sandboxes-"

/** Temporary folders whose process was killed. Another user's can't be removed, and need not be. */
function removeAbandoned(): void {
  for (const name of readdirSync(tmpdir()).filter((entry) => entry.startsWith(temporaryPrefix))) {
    const path = join(tmpdir(), name)
    try {
      if (statSync(path).uid === process.getuid?.() && isAbandoned(path)) rmSync(path, { recursive: true, force: true })
    } catch {
      // Somebody else removes it.
    }
  }
}

function reachesOut({ defaultPolicy = "deny", allowedOrigins = [] }: NetworkPolicy): boolean {
  return defaultPolicy !== "deny" || allowedOrigins.length > 0
}

/** A sandbox that reaches nothing of what was asked for would look like one that works. */
function checkHasNetwork({ provider, unsupported }: ProviderReport): void {
  if (unsupported.includes("network"))
    throw new MayflyError(
      "sandbox.unsupported",
      `the provider "${provider}" has no way out here, and the policy allows one: give network: {}, or use another provider`,
    )
}

function checkProvider(snapshot: SnapshotInfo | undefined, name: string): void {
  if (snapshot !== undefined && snapshot.provider !== name)
    throw invalid("provider", `must be that of the snapshot, "${snapshot.provider}"; export and import go between two`)
}

/** A copy of a disk has that disk's size. */
function withDiskOf(
  snapshot: SnapshotInfo | undefined,
  limits: SandboxLimits,
  wanted: number | undefined,
): SandboxLimits {
  if (snapshot === undefined) return limits
  const { diskMb } = snapshot.limits
  if (wanted !== undefined && wanted !== diskMb)
    throw invalid("limits.diskMb", `must be that of the snapshot, ${diskMb}, or be left out`)
  return { ...limits, diskMb }
}

/** Kept, so that addresses of previews stay the same. */
function secretIn(directory: string): Buffer {
  const path = join(directory, "preview-secret")
  try {
    writeFileSync(path, randomBytes(32), { flag: "wx", mode: 0o600 })
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error
  }
  chmodSync(path, 0o600)
  return readFileSync(path)
}
