import { provideDefaultRuntime } from "@mayfly/runtime"
import { defaultPlatform } from "./platform.ts"

provideDefaultRuntime(() => defaultPlatform().runtime)

export {
  detectJail,
  DynamicWorker,
  planWorker,
  provideStandIn,
  RpcTarget,
  runToJson,
  WorkerLoader,
} from "@mayfly/runtime"
export type {
  DynamicWorkerOptions,
  Entrypoint,
  Fetcher,
  Jail,
  ProgramPlan,
  Run,
  RunEvent,
  RunOptions,
  Tail,
  TraceItem,
  WorkerCode,
  WorkerStub,
} from "@mayfly/runtime"
export { createWorkerBundle, type WorkerBundle, type WorkerBundleOptions } from "./create-worker-bundle.ts"
export { createPlatform, defaultPlatform, type Platform, provideDefaultPlatform } from "./platform.ts"
export type { PlatformOptions } from "./platform-options.ts"
export * from "./code-mode/index.ts"
