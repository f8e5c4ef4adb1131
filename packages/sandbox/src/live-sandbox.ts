import { MayflyError, type NetworkPolicy, type SandboxStatus } from "@mayfly/protocol"
import type { EgressAttachment, SandboxEgress } from "./sandbox-egress.ts"
import type {
  PreparedNetwork,
  ProviderSandbox,
  ProviderStartOptions,
  SandboxEnd,
  SandboxProvider,
  SandboxSpec,
} from "./sandbox-provider.ts"
import type { SandboxGovernor } from "./sandbox-governor.ts"
import type { SandboxRecord } from "./sandbox-registry.ts"

/** One sandbox as this process knows it: starts when it is used, stops when it is not. All handles with the same id share it. */
export class LiveSandbox {
  record: SandboxRecord
  /** Called when it has ended, however that came; what ran in it is gone. */
  readonly onEnd = new Set<(end: SandboxEnd) => void>()
  readonly #provider: SandboxProvider
  readonly #governor: SandboxGovernor
  readonly #egress: SandboxEgress | undefined
  #attachment: EgressAttachment | undefined
  #starting: Promise<ProviderSandbox> | undefined
  #stopping: Promise<void> | undefined
  #running: ProviderSandbox | undefined
  #users = 0
  #sleep: NodeJS.Timeout | undefined
  #isDestroyed = false
  #changing: Promise<unknown> = Promise.resolve()

  constructor(record: SandboxRecord, provider: SandboxProvider, governor: SandboxGovernor, egress?: SandboxEgress) {
    this.record = record
    this.#governor = governor
    this.#provider = provider
    this.#egress = egress
  }

  get status(): SandboxStatus {
    if (this.#isDestroyed) return "destroyed"
    if (this.#running !== undefined) return "running"
    return this.#starting === undefined ? "stopped" : "starting"
  }

  /** What runs now, without starting anything. */
  get running(): ProviderSandbox | undefined {
    return this.#running
  }

  /** Starts it if need be. Until the lease is disposed it does not go to sleep, and keeps this process alive. */
  async use(): Promise<Lease> {
    this.#users++
    clearTimeout(this.#sleep)
    try {
      const sandbox = await this.#start()
      sandbox.hold(true)
      return new Lease(sandbox, { ...this.#attachment?.environment, ...this.record.env }, () => this.#release())
    } catch (error) {
      this.#release()
      throw error
    }
  }

  /** Like a lease for what waits for something that runs already: nothing is started for it. */
  keep(): Disposable {
    const sandbox = this.#running
    if (sandbox === undefined) return { [Symbol.dispose]() {} }
    this.#users++
    clearTimeout(this.#sleep)
    sandbox.hold(true)
    return new Lease(sandbox, {}, () => this.#release())
  }

  /** Whoever uses it meanwhile gets the next start, not one that is about to end. */
  async stop(): Promise<void> {
    clearTimeout(this.#sleep)
    const sandbox = this.#running ?? (await this.#starting?.catch(() => undefined))
    if (sandbox === undefined) return this.#stopping
    if (this.#running === sandbox) this.#running = undefined
    const stopping = sandbox.stop()
    this.#stopping = stopping
    await stopping
  }

  /** No other start, snapshot or removal happens meanwhile. */
  exclusively<T>(work: (running: ProviderSandbox | undefined) => Promise<T>): Promise<T> {
    const before = this.#changing
    const done = (async (): Promise<T> => {
      await before.catch(() => {})
      return work(this.#running)
    })()
    this.#changing = done
    done.catch(() => {})
    return done
  }

  /**
   * Its files stay as they are until what this gives is disposed: what runs is paused, and it is neither started nor removed. Undefined when it was destroyed.
   * Rejects with `sandbox.unsupported` when its provider can't.
   */
  async hold(): Promise<AsyncDisposable | undefined> {
    if (this.#isDestroyed) return undefined
    const hold = this.#provider.hold?.bind(this.#provider)
    if (hold === undefined)
      throw new MayflyError("sandbox.unsupported", `the provider "${this.#provider.name}" can't hold files still`)
    const { promise: isReleased, resolve: release } = Promise.withResolvers<void>()
    const { promise: isHeld, resolve: held, reject } = Promise.withResolvers<void>()
    const over = this.exclusively(async (running) => {
      if (running === undefined) await this.#stopping
      await using _still = await hold(specOf(this.record), running)
      held()
      await isReleased
    })
    over.catch(reject)
    await isHeld
    return {
      async [Symbol.asyncDispose]() {
        release()
        await over
      },
    }
  }

  /** Not while it starts or stops: a start has one policy from its first moment. */
  setPolicy(network: NetworkPolicy, save: (record: SandboxRecord) => Promise<void>): Promise<void> {
    return this.exclusively(async () => {
      this.checkUsable()
      const { network: before } = this.record
      const keep = (kept: NetworkPolicy): Promise<void> => save((this.record = { ...this.record, network: kept }))
      try {
        await keep(network)
        if (this.#running !== undefined) await this.#attachment?.setPolicy(network)
      } catch (error) {
        await keep(before)
        throw error
      }
    })
  }

  async destroy(remove: () => Promise<void>): Promise<void> {
    this.checkUsable()
    this.#isDestroyed = true
    await this.stop()
    await this.exclusively(remove)
  }

  checkUsable(): void {
    if (this.#isDestroyed)
      throw new MayflyError("sandbox.destroyed", `the sandbox "${this.record.id}" was destroyed`, {
        details: { id: this.record.id },
      })
  }

  #start(): Promise<ProviderSandbox> {
    this.checkUsable()
    if (this.#running !== undefined) return Promise.resolve(this.#running)
    this.#starting ??= this.exclusively(() => this.#startNow()).finally(() => (this.#starting = undefined))
    return this.#starting
  }

  async #startNow(): Promise<ProviderSandbox> {
    await this.#stopping
    this.checkUsable()
    const { id, tenant, network } = this.record
    await this.#governor.mayStart(tenant)
    let attachment: EgressAttachment | undefined
    let hasFailed = false
    const attach = async (egress: SandboxEgress, namespacePid: number | null): Promise<EgressAttachment> => {
      const made = await egress.attach({ id, tenant, network, namespacePid })
      attachment = made
      if (hasFailed) await made[Symbol.asyncDispose]()
      return made
    }
    const egress = this.#egress
    const prepare = egress?.prepare?.bind(egress)
    let isPrepared = false
    const takeNetwork = async (): Promise<PreparedNetwork> => {
      if (prepare === undefined) throw new MayflyError("sandbox.unavailable", "no network can be made")
      const prepared = await prepare({ id, tenant, network })
      isPrepared = true
      attachment = prepared
      return prepared
    }
    const takes = prepare !== undefined && this.#provider.takesNetworks === true
    try {
      const ways = takes ? { takeNetwork } : waysOut(egress, attach)
      const sandbox = await this.#provider.start(specOf(this.record), ways)
      if (!isPrepared) await giveFiles(sandbox, attachment)
      return this.#started(sandbox, attachment)
    } catch (error) {
      hasFailed = true
      await attachment?.[Symbol.asyncDispose]()
      throw error
    }
  }

  #started(sandbox: ProviderSandbox, attachment: EgressAttachment | undefined): ProviderSandbox {
    this.#attachment = attachment
    this.#running = sandbox
    const asleep = this.#governor.awake(this.record.tenant, sandbox)
    void sandbox.ended.then((end) => {
      asleep()
      if (this.#running === sandbox) this.#running = undefined
      void attachment?.[Symbol.asyncDispose]()
      for (const listener of this.onEnd) listener(end)
    })
    return sandbox
  }

  #release(): void {
    this.#users--
    if (this.#users > 0 || this.#running === undefined) return
    this.#running.hold(false)
    const { sleepAfterMs } = this.record
    if (sleepAfterMs === null) return
    clearTimeout(this.#sleep)
    this.#sleep = setTimeout(() => {
      if (this.#users === 0) void this.stop()
    }, sleepAfterMs).unref()
  }
}

/** A provider knows it by its key. */
export function specOf({ key, limits }: SandboxRecord): SandboxSpec {
  return { id: key, limits }
}

/** The use of a running sandbox. Disposing twice is safe. */
export class Lease implements Disposable {
  readonly sandbox: ProviderSandbox
  /** Variables of every command. */
  readonly environment: Readonly<Record<string, string>>
  #release: (() => void) | undefined

  constructor(sandbox: ProviderSandbox, environment: Readonly<Record<string, string>>, release: () => void) {
    this.sandbox = sandbox
    this.environment = environment
    this.#release = release
  }

  [Symbol.dispose](): void {
    this.#release?.()
    this.#release = undefined
  }
}

/** What a provider may call, when there is a way out. */
function waysOut(
  egress: SandboxEgress | undefined,
  attach: (egress: SandboxEgress, namespacePid: number | null) => Promise<EgressAttachment>,
): ProviderStartOptions {
  if (egress === undefined) return {}
  return {
    onNetwork: async (namespacePid) => void (await attach(egress, namespacePid)),
    onRequests: async () => (await attach(egress, null)).fetch,
  }
}

/** Before anything of a guest's runs. */
async function giveFiles(sandbox: ProviderSandbox, attachment: EgressAttachment | undefined): Promise<void> {
  try {
    for (const [path, text] of Object.entries(attachment?.files ?? {}))
      await sandbox.files.write(path, once(Buffer.from(text)), {})
  } catch (error) {
    await sandbox.stop()
    throw error
  }
}

async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array, void, void> {
  yield bytes
}
