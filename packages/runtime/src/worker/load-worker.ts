import { randomUUID } from "node:crypto"
import { MayflyError, parseLimits } from "@mayfly/protocol"
import type { CompiledProgram } from "../compile/program.ts"
import { defaultRuntime } from "../default-runtime.ts"
import type { Compiled } from "../pool/compiler-pool.ts"
import type { Runtime } from "../runtime.ts"
import { WorkerCache } from "../cache/worker-cache.ts"
import { bindEnv } from "./env-bindings.ts"
import { GuestStack } from "./guest-stack.ts"
import { type DynamicWorkerOptions, type ParsedWorkerOptions, parseWorkerOptions } from "./worker-options.ts"
import type { WorkerParts } from "./worker-run.ts"

/** Checks the options and compiles the program. Rejects as `DynamicWorker.create` says. */
export async function loadWorker(options: DynamicWorkerOptions): Promise<WorkerParts> {
  const parsed = parseWorkerOptions(options)
  const runtime = options.platform?.runtime ?? defaultRuntime()
  const network = options.network === undefined ? runtime.network : parsed.network
  runtime.egress.check(network)
  const env = bindEnv(parsed.env)
  const compiled = await runtime.compiler.compile(parsed.source, parsed.tenant)
  if (parsed.typecheck) await checkTypes(runtime, compiled, parsed)
  return {
    runtime,
    options: { ...parsed, network, limits: parseLimits(options.limits, runtime.limits) },
    compiled,
    env,
    stack: new GuestStack(compiled.positions),
    cache: new WorkerCache(parsed.tenant, runtime.cacheBudget),
    key: randomUUID(),
  }
}

async function checkTypes(runtime: Runtime, compiled: Compiled, options: ParsedWorkerOptions): Promise<void> {
  const { typecheck } = runtime
  if (typecheck === undefined) {
    throw new MayflyError("input.invalid", "typecheck can't be true: this runtime has no type check", {
      details: { path: "typecheck" },
    })
  }
  const { main, shape } = parseProgram(compiled.text)
  // Modules above 1 MiB have no source here; they are not checked.
  const known = compiled.positions.filter(({ source }) => source !== undefined)
  const files = Object.fromEntries(known.map(({ name, source = "" }) => [name, source]))
  const { env, declarations } = options
  await typecheck({ files, main, shape, env, ...(declarations === undefined ? {} : { declarations }) })
}

/** What the compiler found out; its words are checked like a guest's. */
function parseProgram(text: string): { main: string; shape: CompiledProgram["shape"] } {
  const { main, shape } = JSON.parse(text) as Record<string, unknown>
  const isKnown = shape === "module" || shape === "expression" || shape === "body"
  if (typeof main !== "string" || !isKnown)
    throw new MayflyError("platform.no-host", "the compiler gave an answer that makes no sense")
  return { main, shape }
}
