import { existsSync } from "node:fs"
import { join } from "node:path"
import { type ApprovalDesk, createHttpEgress, type SecretAlert, type SecretVault } from "@mayfly/mesh"
import { checkProgram } from "./code-mode/typecheck/check-program.ts"
import { createLedger, type Ledger } from "@mayfly/mesh/ledger"
import { createRuntime, Facets, facetScope, parseTenant, type Runtime, WorkerLoader } from "@mayfly/runtime"
import { Sandboxes, TenantSandboxes } from "@mayfly/sandbox"
import { openDataDirectory, type Store } from "@mayfly/store"
import {
  type Hook,
  type LackingCode,
  WorkflowBinding,
  type WorkflowClasses,
  type WorkflowOrigin,
} from "@mayfly/workflows"
import { checkSignature, type HookRequest } from "./hooks/check-signature.ts"
import { Accounts } from "./accounts/accounts.ts"
import { RunHistory } from "./accounts/run-history.ts"
import { sandboxGovernor } from "./accounts/sandbox-governor.ts"
import { Tenants } from "./accounts/tenants.ts"
import { UsageReports } from "./accounts/usage.ts"
import { workflowGovernor } from "./accounts/workflow-governor.ts"
import { type HeldFiles, holdFiles } from "./hold-files.ts"
import { LazyStore } from "./lazy-store.ts"
import { PlatformApprovals } from "./platform-approvals.ts"
import { PlatformSecrets } from "./platform-secrets.ts"
import { createSandboxEgress } from "./sandbox-egress.ts"
import { parsePlatformOptions, type PlatformOptions } from "./platform-options.ts"
import type { PlatformStats } from "./platform-stats.ts"
import { NamedWorkers, WorkerShelf } from "./workers/named-workers.ts"
import { startWebhooks } from "./webhooks/webhooks.ts"
import { LazyEngine } from "./workflows/lazy-engine.ts"

/** One object that holds the parts. Whoever creates it disposes it. */
export interface Platform extends AsyncDisposable {
  readonly runtime: Runtime
  /** Bindings for code that expects them, as at Cloudflare. */
  readonly env: { readonly LOADER: WorkerLoader; readonly WORKFLOWS: WorkflowBinding; readonly SANDBOX: Sandboxes }
  /** The workflows of one tenant; those of others can't be seen through it. `env.WORKFLOWS` is that of "default". */
  workflows(tenant: string): WorkflowBinding
  /** The same for your own code: `create` may also name a class of `provideWorkflowClasses`, which is trusted code and not everybody's to call. */
  ownWorkflows(tenant: string): WorkflowBinding
  /** Classes of your own that workflows may be made of. They replace those given before; whoever waits for one goes on. */
  provideWorkflowClasses(classes: WorkflowClasses): Promise<void>
  /**
   * Instances of all tenants that wait for functions of an earlier process (`needs-code`), the newest first: `create` with the same id brings them.
   */
  lackingCode(): AsyncIterable<LackingCode>
  /** Asked at each create which request it is part of: it is kept beside instances that have functions, and given by `lackingCode`. */
  provideWorkflowOrigin(origin: () => WorkflowOrigin | undefined): void
  /** The sandboxes of one tenant: give it to code that acts for that tenant. `env.SANDBOX` is the owner's and sees all. */
  sandboxes(tenant: string): TenantSandboxes
  /** The named workers of one tenant: deployed once, called by name. In `dataDir`; without one in memory. */
  workers(tenant: string): NamedWorkers
  /** For who has the token of a waiting step, as of a link in a mail: the token is the credential. Rejects with `workflow.hook-not-found`. */
  readonly hooks: WorkflowHooks
  /**
   * Facets without a parent class: Durable Objects of dynamic workers under a name of yours, with storage of their own. Cloudflare's `ctx.facets` is the
   * same, for the objects of a DurableObjectNamespace.
   */
  facets(parent: string, options?: { readonly tenant?: string }): Facets
  /** Every egress attempt, allowed or denied. In `dataDir`; without one the last ten thousand, in memory. Opened at its first use. */
  readonly ledger: Ledger
  /** Credentials that are added to requests on their way out, by name: no program ever sees one. In `dataDir`, encrypted; without one in memory. */
  readonly secrets: SecretVault
  /** Questions about requests that a policy leaves open (`ask`). With nobody to ask they are denied. */
  readonly approvals: ApprovalDesk
  /** What tenants may do, and the switch that stops one. */
  readonly tenants: Tenants
  /** What tenants used, by worker and day. In `dataDir`; without one in memory. */
  readonly usage: UsageReports
  /** Runs under way, to be cancelled, and those that are over. In `dataDir`; without one the last thousand, in memory. */
  readonly runs: RunHistory
  /** Told when a secret came back from somewhere and was taken out of what the program got. Returns what ends it. */
  onAlert(listener: (alert: SecretAlert) => void): () => void
  /** Where the parts keep rows and blobs: in `dataDir`, without one in memory. Opened at its first use; the platform closes it. */
  store(): Promise<Store>
  /**
   * Keeps files of sandboxes and databases of objects still for whoever copies them from `dataDir`, such as `mayfly backup`: paths relative to it. What uses them waits
   * until what it gives is disposed.
   */
  hold(paths: readonly string[]): Promise<HeldFiles>
  /** For gauges. */
  stats(): PlatformStats
  /** Ports that this platform's own servers listen on: no policy lets a program reach them on this machine. */
  readonly ownPorts: Set<number>
  /** Kills all processes. Runs under way end as `worker.aborted`. Disposing twice is safe. */
  dispose(): Promise<void>
}

export interface WorkflowHooks {
  /** What waits. Changes nothing. */
  find(token: string): Promise<Hook>
  /**
   * Sends the event that it waits for. When the step wants signed requests, `request` is the one that came, and is checked: `workflow.hook-signature`. Who may
   * decide without one uses `sendEvent` of the instance.
   */
  send(
    token: string,
    payload: unknown,
    options?: { readonly request?: HookRequest },
  ): Promise<{ readonly isDuplicate: boolean }>
}

/** Starts a platform. Its processes are ready in the background; the first run waits for them. Throws `input.invalid`, `platform.no-host`. */
export async function createPlatform(options: PlatformOptions = {}): Promise<Platform> {
  return startPlatform(options)
}

/** Less than a run lasts unless told otherwise: a program is told that an answer is due, and can say so. */
const approvalWaitMs = 20_000

/** An attempt and its outcome are two entries. */
const entriesInMemory = 20_000

function startPlatform(options: PlatformOptions): Platform {
  const { hosts, isolates, spare, network, limits, retainLedgerMs, openRuns, facets, ...rest } =
    parsePlatformOptions(options)
  using opened = new DisposableStack()
  const directory = typeof rest.dataDir === "string" ? opened.use(openDataDirectory(rest.dataDir)) : rest.dataDir
  const dataDir = directory?.path
  const store = new LazyStore(dataDir)
  const ledger = createLedger({
    store: () => store.get(),
    ...(dataDir === undefined ? { retainEntries: entriesInMemory } : { directory: dataDir }),
    ...(retainLedgerMs === undefined ? {} : { retainForMs: retainLedgerMs }),
  })
  const secrets = new PlatformSecrets({ store: () => store.get(), dataDir, given: rest.secrets })
  const approvals = new PlatformApprovals(() => store.get(), { attended: rest.attended, waitMs: approvalWaitMs })
  const alerts = new Set<(alert: SecretAlert) => void>()
  const ownPorts = new Set<number>()
  const egress = createHttpEgress({
    ownPorts: () => ownPorts,
    mayReachPrivate: (tenant) => rest.privateTenants === "all" || rest.privateTenants.includes(tenant),
    ledger,
    secrets,
    approvals: { ask: ({ signal, policyHash: _, ...question }) => approvals.ask(question, signal) },
    onAlert: (alert) => {
      for (const listener of alerts) listener(alert)
    },
  })
  egress.check(network)
  const accounts = new Accounts({
    store: () => store.get(),
    isDurable: dataDir !== undefined,
    defaults: { quota: rest.quota, budget: rest.budget },
    history: rest.history,
  })
  const tenants = new Tenants(accounts)
  const objects = { ...facets, ...(dataDir === undefined ? {} : { directory: join(dataDir, "objects") }) }
  const runtime = createRuntime({
    hosts,
    isolates,
    spare,
    network,
    limits,
    egress,
    openRuns,
    gate: accounts,
    objects,
    typecheck: checkProgram,
  })
  const onAlert: Platform["onAlert"] = (listener) => {
    alerts.add(listener)
    return () => void alerts.delete(listener)
  }
  const stopWebhooks = startWebhooks(rest.webhooks, { approvals, tenants, onAlert })
  const shelf = new WorkerShelf({ runtime, store: () => store.get(), accounts, key: () => secrets.key() })
  const sandboxes = new Sandboxes({
    store: () => store.get(),
    egress: createSandboxEgress(egress),
    network,
    governor: sandboxGovernor(accounts),
    ...rest.sandboxes,
    ...(dataDir === undefined ? {} : { directory: join(dataDir, "sandboxes") }),
  })
  const sandboxesOf = (tenant: string): TenantSandboxes => new TenantSandboxes(sandboxes, parseTenant(tenant))
  const engine = new LazyEngine(runtime, () => store.get(), {
    sandbox: (tenant, id, options) => sandboxesOf(tenant).open(id, options),
    governor: workflowGovernor(accounts),
  })
  accounts.onStop({
    hold: async (tenant) => (await engine.started())?.hold(tenant),
    stop: (tenant) => sandboxes.stopOf(tenant),
  })
  accounts.onResume(async (tenant) => (await engine.started())?.goOn(tenant))
  let origin = (): WorkflowOrigin | undefined => undefined
  const workflows = (tenant: string, mayNameClasses = false): WorkflowBinding => {
    const parts = { engine: () => engine.get(), tenant: parseTenant(tenant), origin: () => origin() }
    return new WorkflowBinding({ ...parts, mayNameClasses })
  }
  // What sleeps there must wake although nobody asks for it.
  if (dataDir !== undefined && existsSync(join(dataDir, "mayfly.db"))) engine.get().catch(() => {})
  const dispose = async (): Promise<void> => {
    try {
      await engine.stop()
      await Promise.all([runtime.dispose(), sandboxes.dispose()])
      await accounts.close()
      await stopWebhooks()
      await egress.close()
      await ledger.close()
      await store.close()
    } finally {
      held.dispose()
    }
  }
  const held = opened.move()
  return {
    runtime,
    env: { LOADER: new WorkerLoader({ platform: { runtime } }), WORKFLOWS: workflows("default"), SANDBOX: sandboxes },
    facets: (parent, { tenant } = {}) => new Facets(runtime.objects, facetScope(parent, tenant)),
    workflows: (tenant) => workflows(tenant),
    ownWorkflows: (tenant) => workflows(tenant, true),
    provideWorkflowClasses: (classes) => engine.provideClasses(classes),
    async *lackingCode() {
      yield* (await engine.get()).lackingCode()
    },
    provideWorkflowOrigin(given) {
      origin = given
    },
    sandboxes: sandboxesOf,
    workers: (tenant) => new NamedWorkers(shelf, tenant),
    hooks: {
      find: async (token) => (await engine.get()).findHook(token),
      async send(token, payload, { request } = {}) {
        const running = await engine.get()
        const { tenant, signature } = await running.findHook(token)
        if (signature !== undefined) {
          const secret = await secrets.resolve(tenant, signature.secret)
          checkSignature(signature, { secret, request, now: Date.now() })
        }
        return running.sendToHook(token, payload)
      },
    },
    ledger,
    secrets,
    approvals,
    tenants,
    usage: new UsageReports(accounts),
    runs: new RunHistory(accounts),
    onAlert,
    store: () => store.get(),
    hold: (paths) => holdFiles(paths, { sandboxes, objects: runtime.objects }),
    stats: () => ({
      pool: runtime.pool.stats(),
      sandboxes: sandboxes.running,
      workflows: () => engine.stats(),
    }),
    ownPorts,
    dispose,
    [Symbol.asyncDispose]: dispose,
  }
}

let shared: Platform | undefined

/** Makes a platform the one of those who name none. Its owner disposes it. */
export function provideDefaultPlatform(platform: Platform): void {
  shared = platform
}

/** The platform of those who name none, made on first use. It does not keep the process alive. */
export function defaultPlatform(): Platform {
  return (shared ??= startPlatform({}))
}
