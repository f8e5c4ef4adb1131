import { createHttpEgress } from "@mayfly/mesh"
import { createRuntime, type Runtime, WorkerLoader } from "@mayfly/runtime"
import { parsePlatformOptions, type PlatformOptions } from "./platform-options.ts"

/** One object that holds the parts. Whoever creates it disposes it. */
export interface Platform extends AsyncDisposable {
  readonly runtime: Runtime
  /** Bindings for code that expects them, as at Cloudflare. */
  readonly env: { readonly LOADER: WorkerLoader }
  /** Kills all processes. Runs under way end as `worker.aborted`. Disposing twice is safe. */
  dispose(): Promise<void>
}

/** Starts a platform. Its processes are ready in the background; the first run waits for them. Throws `input.invalid`, `platform.no-host`. */
export async function createPlatform(options: PlatformOptions = {}): Promise<Platform> {
  return startPlatform(options)
}

function startPlatform(options: PlatformOptions): Platform {
  const { hosts, isolates, spare, network } = parsePlatformOptions(options)
  const egress = createHttpEgress()
  egress.check(network)
  const runtime = createRuntime({ hosts, isolates, spare, network, egress })
  const dispose = (): Promise<void> => runtime.dispose()
  return {
    runtime,
    env: { LOADER: new WorkerLoader({ platform: { runtime } }) },
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
