import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { after } from "node:test"
import { openStore, type StoreOptions } from "@mayfly/store"
import { SqlWorkflowStore } from "./sql-workflow-store.ts"
import type { WorkflowStore } from "./workflow-store.ts"
import { workflowStoreSuite } from "./workflow-store-suite.ts"

const folder = mkdtempSync(join(tmpdir(), "mayfly-workflows-"))
after(() => rmSync(folder, { recursive: true }))

async function open(options: StoreOptions): Promise<WorkflowStore & AsyncDisposable> {
  const store = await openStore(options)
  const workflows = await SqlWorkflowStore.open(store)
  return Object.assign(workflows, { [Symbol.asyncDispose]: () => store.close() })
}

workflowStoreSuite("in a folder:", (name) => open({ directory: join(folder, name) }), { isLasting: true })
workflowStoreSuite("in memory:", () => open({}), { isLasting: false })
