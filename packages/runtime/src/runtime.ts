import { availableParallelism } from "node:os"
import { type Limits, MayflyError, type NetworkPolicy, parseLimits } from "@mayfly/protocol"
import { CacheBudget } from "./cache/cache-budget.ts"
import type { Egress } from "./egress.ts"
import { ObjectHost, type ObjectHostOptions } from "./objects/object-host.ts"
import { CompilerPool } from "./pool/compiler-pool.ts"
import { HostPool, type HostPoolOptions } from "./pool/host-pool.ts"
import type { IsolatePool } from "./pool/isolate-pool.ts"
import type { RunGate } from "./run-gate.ts"
import type { TypeCheck } from "./typecheck.ts"
import { OpenRuns, type OpenRunsOptions } from "./worker/open-runs.ts"
import { pinPolicy } from "./worker/pin-policy.ts"

export interface RuntimeOptions extends HostPoolOptions {
  /** How guests reach the network. Without it nothing can be reached. */
  readonly egress?: Egress
  /** The policy of workers that bring none. Default: nothing can be reached. */
  readonly network?: NetworkPolicy
  /** Limits of workers that name none. Default: those of the table. */
  readonly limits?: Partial<Limits>
  /** Decides which runs may begin. Without one all may. */
  readonly gate?: RunGate
  /** Bounds of runs whose callers hold stubs. */
  readonly openRuns?: OpenRunsOptions
  /** For workers with `typecheck: true`. */
  readonly typecheck?: TypeCheck
  /** Durable Objects: where they keep their storage, how much, how long they stay warm. */
  readonly objects?: Omit<ObjectHostOptions, "maxWarm"> & { readonly maxWarm?: number }
}

/** Everything that dynamic workers need: isolates, the compiler, the way out. */
export interface Runtime {
  readonly pool: IsolatePool
  readonly compiler: CompilerPool
  readonly egress: Egress
  readonly network: NetworkPolicy
  /** Of workers that name none. */
  readonly limits: Limits
  readonly openRuns: OpenRuns
  readonly gate?: RunGate
  readonly typecheck?: TypeCheck
  /** Bounds what all workers keep with the Cache API. */
  readonly cacheBudget: CacheBudget
  readonly objects: ObjectHost
  /** Kills all processes. Runs under way end as `worker.aborted`. Disposing twice is safe. */
  dispose(): Promise<void>
}

/** Half of the runs that a host process holds at most: the other half stays for runs that end by themselves. */
const openPerCore = 32

/** Starts host processes and the compiler in the background; the first run waits for them. */
export function createRuntime(options: RuntimeOptions = {}): Runtime {
  const limits = parseLimits(options.limits)
  const pool = new HostPool(options)
  const compiler = new CompilerPool()
  compiler.warm()
  const egress = options.egress ?? nowhere
  const maxWarm = (options.hosts ?? availableParallelism()) * warmPerHost
  const gate = options.gate === undefined ? {} : { gate: options.gate }
  const objects = new ObjectHost({ pool, egress, ...gate }, { maxWarm, ...options.objects })
  return {
    pool,
    compiler,
    egress,
    openRuns: new OpenRuns({ total: openPerCore * availableParallelism(), ...options.openRuns }),
    ...gate,
    ...(options.typecheck === undefined ? {} : { typecheck: options.typecheck }),
    network: pinPolicy(options.network ?? {}),
    limits,
    cacheBudget: new CacheBudget(maxCacheBytes),
    objects,
    async dispose() {
      await objects.dispose()
      await Promise.all([pool.dispose(), compiler.dispose()])
    },
  }
}

/** Of all workers of the process. */
const maxCacheBytes = 256 << 20
/** A host process holds 64 runs: objects leave room for others. */
const warmPerHost = 32

const nowhere: Egress = {
  check() {},
  fetch: ({ url }) => Promise.reject(noWayOut(url)),
  openWebSocket: (url) => Promise.reject(noWayOut(url)),
  openSocket: ({ host, port }) => Promise.reject(noWayOut(`${host}:${port}`)),
}

function noWayOut(to: string): MayflyError {
  return new MayflyError("mesh.denied", `"${to.slice(0, 500)}" can't be reached: this runtime has no way out`)
}
