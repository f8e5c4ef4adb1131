import { existsSync } from "node:fs"
import { join } from "node:path"
import { createHttpEgress } from "@mayfly/mesh"
import { createLedger, type Ledger } from "@mayfly/mesh/ledger"
import { createRuntime, parseTenant, type Runtime, WorkerLoader } from "@mayfly/runtime"
import type { Store } from "@mayfly/store"
import { type Hook, WorkflowBinding } from "@mayfly/workflows"
import { LazyStore } from "./lazy-store.ts"
import { parsePlatformOptions, type PlatformOptions } from "./platform-options.ts"
import { LazyEngine } from "./workflows/lazy-engine.ts"

/** One object that holds the parts. Whoever creates it disposes it. */
export interface Platform extends AsyncDisposable {
  readonly runtime: Runtime
  /** Bindings for code that expects them, as at Cloudflare. */
  readonly env: { readonly LOADER: WorkerLoader; readonly WORKFLOWS: WorkflowBinding }
  /** The workflows of one tenant; those of others can't be seen through it. `env.WORKFLOWS` is that of "default". */
  workflows(tenant: string): WorkflowBinding
  /** For who has the token of a waiting step, as of a link in a mail: the token is the credential. Rejects with `workflow.hook-not-found`. */
  readonly hooks: WorkflowHooks
  /** Every egress attempt, allowed or denied. In `dataDir`; without one the last ten thousand, in memory. Opened at its first use. */
  readonly ledger: Ledger
  /** Where the parts keep rows and blobs: in `dataDir`, without one in memory. Opened at its first use; the platform closes it. */
  store(): Promise<Store>
  /** Ports that this platform's own servers listen on: no policy lets a program reach them on this machine. */
  readonly ownPorts: Set<number>
  /** Kills all processes. Runs under way end as `worker.aborted`. Disposing twice is safe. */
  dispose(): Promise<void>
}

export interface WorkflowHooks {
  /** What waits. Changes nothing. */
  find(token: string): Promise<Hook>
  /** Sends the event that it waits for. */
  send(token: string, payload: unknown): Promise<{ readonly isDuplicate: boolean }>
}

/** Starts a platform. Its processes are ready in the background; the first run waits for them. Throws `input.invalid`, `platform.no-host`. */
export async function createPlatform(options: PlatformOptions = {}): Promise<Platform> {
  return startPlatform(options)
}

/** An attempt and its outcome are two entries. */
const entriesInMemory = 20_000

function startPlatform(options: PlatformOptions): Platform {
  const { hosts, isolates, spare, network, dataDir, retainLedgerMs } = parsePlatformOptions(options)
  const store = new LazyStore(dataDir)
  const ledger = createLedger({
    store: () => store.get(),
    ...(dataDir === undefined ? { retainEntries: entriesInMemory } : { directory: dataDir }),
    ...(retainLedgerMs === undefined ? {} : { retainForMs: retainLedgerMs }),
  })
  const ownPorts = new Set<number>()
  const egress = createHttpEgress({ ownPorts: () => ownPorts, ledger })
  egress.check(network)
  const runtime = createRuntime({ hosts, isolates, spare, network, egress })
  const engine = new LazyEngine(runtime, () => store.get())
  const workflows = (tenant: string): WorkflowBinding =>
    new WorkflowBinding({ engine: () => engine.get(), tenant: parseTenant(tenant) })
  // What sleeps there must wake although nobody asks for it.
  if (dataDir !== undefined && existsSync(join(dataDir, "mayfly.db"))) engine.get().catch(() => {})
  const dispose = async (): Promise<void> => {
    await engine.stop()
    await runtime.dispose()
    await egress.close()
    await ledger.close()
    await store.close()
  }
  return {
    runtime,
    env: { LOADER: new WorkerLoader({ platform: { runtime } }), WORKFLOWS: workflows("default") },
    workflows,
    hooks: {
      find: async (token) => (await engine.get()).findHook(token),
      send: async (token, payload) => (await engine.get()).sendToHook(token, payload),
    },
    ledger,
    store: () => store.get(),
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
