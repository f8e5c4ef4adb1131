import {
  DynamicWorker,
  DynamicWorkflow,
  type Platform,
  provideDefaultPlatform,
  Sandbox,
  WebSocketPair,
  WorkerLoader,
} from "@mayfly/platform"
import { installDecodedFetch, installUpgradingResponse } from "@mayfly/server"
import { caches, HTMLRewriter } from "./missing-globals.ts"

/** What a served worker has without importing it. New parts of the library join here, and in `worker.d.ts`. */
const globals = { DynamicWorker, DynamicWorkflow, Sandbox, WorkerLoader, WebSocketPair, caches, HTMLRewriter }

/** Makes this process one in which a served worker runs, on the platform of the API. Done once. */
export function installWorkerGlobals(platform: Platform): void {
  provideDefaultPlatform(platform)
  installDecodedFetch()
  installUpgradingResponse()
  nameReadyStates()
  for (const [name, value] of Object.entries(globals))
    Object.defineProperty(globalThis, name, { value, writable: true, configurable: true })
}

/** The bindings of a served worker besides its variables. A loader of its own for each version: ids may mean other code in the next. */
export function workerBindings(platform: Platform): Record<string, unknown> {
  return { ...platform.env, ...tenantBindings(platform, "default"), LOADER: new WorkerLoader({ platform }) }
}

/** What `env` holds when the worker acts for one tenant. It may start its own workflow classes. */
export function tenantBindings(platform: Platform, tenant: string): Record<string, unknown> {
  return { WORKFLOWS: platform.ownWorkflows(tenant), SANDBOX: platform.sandboxes(tenant) }
}

/** As Cloudflare calls them: code compares `readyState` with them, and would find nothing equal. */
function nameReadyStates(): void {
  for (const name of ["CONNECTING", "OPEN", "CLOSING", "CLOSED"] as const)
    Object.defineProperty(WebSocket, `READY_STATE_${name}`, { value: WebSocket[name], configurable: true })
}
