import { provideDefaultRuntime } from "@mayfly/runtime"
import { provideDefaultSandboxes } from "@mayfly/sandbox"
import { defaultPlatform } from "./platform.ts"

provideDefaultRuntime(() => defaultPlatform().runtime)
provideDefaultSandboxes(() => defaultPlatform().env.SANDBOX)

export { Sandbox, Sandboxes } from "@mayfly/sandbox"
export type {
  CodeExecution,
  CodeResult,
  ExecOptions,
  ExecResult,
  Exposure,
  FileEvent,
  FileInfo,
  ProviderReport,
  SandboxFiles,
  SandboxInfo,
  SandboxLimits,
  SandboxOptions,
  SandboxProcess,
  SandboxShell,
  SandboxSummary,
  SandboxTerminal,
  SandboxUsage,
  ShellResult,
  SnapshotInfo,
} from "@mayfly/sandbox"

export { detectJail, DynamicWorker, planWorker, RpcTarget, runToJson, WorkerLoader } from "@mayfly/runtime"
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
export { createPlatform, defaultPlatform, type Platform } from "./platform.ts"
export { jsonLine } from "@mayfly/mesh"
export { readLedger, type ReadLedgerOptions } from "./read-ledger.ts"
export type {
  ChainHead,
  ExportFormat,
  FollowedRow,
  Ledger,
  LedgerFilter,
  LedgerPage,
  LedgerQuery,
  RecordedRow,
  RunSummary,
  Verification,
} from "@mayfly/mesh"
export type { PlatformOptions } from "./platform-options.ts"
export * from "./code-mode/index.ts"
