import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { after } from "node:test"
import { openStore } from "@mayfly/store"
import { WorkflowBinding } from "../api/workflow-binding.ts"
import { WorkflowEngine } from "./engine.ts"
import type { EngineOptions } from "./engine-options.ts"

export interface Opened extends AsyncDisposable {
  readonly engine: WorkflowEngine
  readonly workflows: WorkflowBinding
  of(tenant: string): WorkflowBinding
  readonly errors: unknown[]
}

/** An engine over a store in a folder, or in memory. */
export async function openEngine(directory?: string, options: Partial<EngineOptions> = {}): Promise<Opened> {
  const store = await openStore(directory === undefined ? {} : { directory })
  const errors: unknown[] = []
  const engine = await WorkflowEngine.start({ store, onError: (error) => errors.push(error), ...options })
  const of = (tenant: string): WorkflowBinding =>
    new WorkflowBinding({ engine: async () => engine, tenant, mayNameClasses: true })
  return {
    engine,
    workflows: of("default"),
    of,
    errors,
    async [Symbol.asyncDispose]() {
      await engine.stop()
      await store.close()
    },
  }
}

export function newFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), "mayfly-engine-"))
  after(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}
