import type { CompiledProgram } from "../compile/program.ts"
import { ModuleGraph } from "./module-graph.ts"
import { createSubtle } from "./subtle.ts"
import type { WarmIsolate } from "./warm-isolate.ts"

/** A program in an isolate: for one run, or for several of the same worker and tenant when the caller asked for that. */
export class Guest {
  readonly warm: WarmIsolate
  readonly program: CompiledProgram
  readonly graph: ModuleGraph
  /** Whether its modules are evaluated and it can be called again. */
  isEvaluated = false
  /** Of its heap, when a run last ended in it. */
  heapBytes = 0
  #subtle: ReturnType<typeof createSubtle> | undefined

  constructor(warm: WarmIsolate, program: CompiledProgram) {
    this.warm = warm
    this.program = program
    this.graph = new ModuleGraph(warm.isolate, warm.context, program)
  }

  /** Key material stays in this process and goes with the isolate. */
  get subtle(): ReturnType<typeof createSubtle> {
    return (this.#subtle ??= createSubtle())
  }

  dispose(): void {
    this.#subtle?.dispose()
    this.warm.dispose()
  }
}
