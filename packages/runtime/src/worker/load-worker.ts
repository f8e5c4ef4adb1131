import { randomUUID } from "node:crypto"
import { defaultRuntime } from "../default-runtime.ts"
import { WorkerCache } from "../cache/worker-cache.ts"
import { bindEnv } from "./env-bindings.ts"
import { GuestStack } from "./guest-stack.ts"
import { type DynamicWorkerOptions, parseWorkerOptions } from "./worker-options.ts"
import type { WorkerParts } from "./worker-run.ts"

/** Checks the options and compiles the program. Rejects as `DynamicWorker.create` says. */
export async function loadWorker(options: DynamicWorkerOptions): Promise<WorkerParts> {
  const parsed = parseWorkerOptions(options)
  const runtime = options.platform?.runtime ?? defaultRuntime()
  const network = options.network === undefined ? runtime.network : parsed.network
  runtime.egress.check(network)
  const env = bindEnv(parsed.env)
  const compiled = await runtime.compiler.compile(parsed.source, parsed.tenant)
  return {
    runtime,
    options: { ...parsed, network },
    compiled,
    env,
    stack: new GuestStack(compiled.positions),
    cache: new WorkerCache(parsed.tenant, runtime.cacheBudget),
    key: randomUUID(),
  }
}
