import { join } from "node:path"
import { createHttpEgress, createLedger, type Ledger } from "@mayfly/mesh"
import { createRuntime, type Runtime, WorkerLoader } from "@mayfly/runtime"
import { Sandboxes } from "@mayfly/sandbox"
import type { Store } from "@mayfly/store"
import { LazyStore } from "./lazy-store.ts"
import { parsePlatformOptions, type PlatformOptions } from "./platform-options.ts"
import { recordEgress } from "./record-egress.ts"

/** One object that holds the parts. Whoever creates it disposes it. */
export interface Platform extends AsyncDisposable {
  readonly runtime: Runtime
  /** Bindings for code that expects them, as at Cloudflare. */
  readonly env: { readonly LOADER: WorkerLoader; readonly SANDBOX: Sandboxes }
  /** Every egress attempt, allowed or denied. In `dataDir`; without one the last ten thousand, in memory. Opened at its first use. */
  readonly ledger: Ledger
  /** Where the parts keep rows and blobs: in `dataDir`, without one in memory. Opened at its first use; the platform closes it. */
  store(): Promise<Store>
  /** Kills all processes. Runs under way end as `worker.aborted`. Disposing twice is safe. */
  dispose(): Promise<void>
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
  const egress = recordEgress(createHttpEgress(), ledger)
  egress.check(network)
  const runtime = createRuntime({ hosts, isolates, spare, network, egress })
  const sandboxes = new Sandboxes({
    store: () => store.get(),
    network,
    ...(dataDir === undefined ? {} : { directory: join(dataDir, "sandboxes") }),
  })
  const dispose = async (): Promise<void> => {
    await Promise.all([runtime.dispose(), sandboxes.dispose()])
    await ledger.close()
    await store.close()
  }
  return {
    runtime,
    env: { LOADER: new WorkerLoader({ platform: { runtime } }), SANDBOX: sandboxes },
    ledger,
    store: () => store.get(),
    dispose,
    [Symbol.asyncDispose]: dispose,
  }
}

let shared: Platform | undefined

/** The platform of those who name none, made on first use. It does not keep the process alive. */
export function defaultPlatform(): Platform {
  return (shared ??= startPlatform({}))
}
