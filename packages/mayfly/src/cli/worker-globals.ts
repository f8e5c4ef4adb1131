import { DynamicWorker, DynamicWorkflow, type Platform, provideDefaultPlatform, WorkerLoader } from "@mayfly/platform"
import { installDecodedFetch } from "@mayfly/server"

/** What a served worker has without importing it. New parts of the library join here, and in `worker.d.ts`. */
const globals = { DynamicWorker, DynamicWorkflow, WorkerLoader }

/** Makes this process one in which a served worker runs, on the platform of the API. Done once. */
export function installWorkerGlobals(platform: Platform): void {
  provideDefaultPlatform(platform)
  installDecodedFetch()
  for (const [name, value] of Object.entries(globals))
    Object.defineProperty(globalThis, name, { value, writable: true, configurable: true })
}

/** The bindings of a served worker besides its variables. A loader of its own for each version: ids may mean other code in the next. */
export function workerBindings(platform: Platform): Record<string, unknown> {
  return { ...platform.env, LOADER: new WorkerLoader({ platform }) }
}
