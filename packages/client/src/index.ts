import { provideConnect } from "./default-platform.ts"
import { connect } from "./remote-platform.ts"

provideConnect(connect)

export { type ErrorCode, MayflyError } from "@mayfly/protocol"
export type { ConnectOptions, RemotePlatform, RunRequest } from "./remote-platform.ts"
export {
  DynamicWorker,
  type DynamicWorkerOptions,
  type GivenModule,
  type Run,
  type RunEvent,
  type RunOptions,
} from "./dynamic-worker.ts"
export {
  DynamicWorkflow,
  type HistoryEntry,
  type InstanceStatus,
  WorkflowBinding,
  type WorkflowOptions,
  type WorkflowStatus,
} from "./dynamic-workflow.ts"
export type {
  KeyInfo,
  ListedRun,
  RemoteKeys,
  RemoteRuns,
  RemoteTenants,
  RemoteUsage,
  RunDetails,
  Scope,
  Tenant,
  UsageQuery,
  UsageReport,
  UsageTotals,
} from "./remote-accounts.ts"
export type { NamedWorker, RemoteWorkers, WorkerDefinition } from "./remote-workers.ts"
export type { LedgerFilter, LedgerPage, RemoteLedger } from "./remote-ledger.ts"
export type { Approval, Decision, RemoteApprovals } from "./remote-approvals.ts"
export type { RemoteSecrets } from "./remote-secrets.ts"
export { type CodeExecution, type CodeLanguage, type CodeResult, type Exposure, Sandbox } from "./sandbox.ts"
export type { ExecOptions, ExecResult } from "./sandbox-exec.ts"
export type { FileContent, FileEvent, FileInfo, SandboxFiles } from "./sandbox-files.ts"
export type { Command, OutputChunk } from "./sandbox-http.ts"
export type { ProcessStatus, SandboxProcess, WaitOptions } from "./sandbox-process.ts"
export type { SandboxShell, ShellResult } from "./sandbox-shell.ts"
export type { SandboxTerminal, TerminalOptions } from "./sandbox-terminal.ts"
export type { Sandboxes, SandboxInfo, SandboxOptions, SandboxSummary, SnapshotInfo } from "./sandboxes.ts"
export { connect }
