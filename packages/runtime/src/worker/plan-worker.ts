import type { ProgramPlan } from "../compile/plan-program.ts"
import { defaultRuntime } from "../default-runtime.ts"
import { type DynamicWorkerOptions, parseWorkerOptions } from "./worker-options.ts"

/**
 * What a program seems to need, read from its text without running it: origins, bindings, modules. A hostile or clever program may need
 * other things, so grant what you expect, not what this says. Rejects as `DynamicWorker.create` does.
 */
export async function planWorker(options: DynamicWorkerOptions): Promise<ProgramPlan> {
  const { source, tenant } = parseWorkerOptions(options)
  const runtime = options.platform?.runtime ?? defaultRuntime()
  return runtime.compiler.plan(source, tenant)
}
