import { provideConnect } from "./default-platform.ts"
import { connect } from "./remote-platform.ts"

provideConnect(connect)

export { type ErrorCode, MayflyError } from "@mayfly/protocol"
export type {
  Approval,
  CodeContextInfo,
  CodeExecution,
  CodeLanguage,
  CodeResult,
  Command,
  Decision,
  Exposure,
  FileEvent,
  FileInfo,
  FollowedRow,
  GivenModule,
  HistoryEntry,
  InstanceStatus,
  KeyInfo,
  LedgerFilter,
  LedgerPage,
  LedgerQuery,
  LedgerRow,
  Limits,
  ListedRun,
  LogChunk as OutputChunk,
  LogLine,
  NamedWorkerInfo as NamedWorker,
  NetworkPolicy,
  ProcessStatus,
  RecordedRow,
  Run,
  RunDetails,
  RunEvent,
  RunOptions,
  RunPage,
  RunQuery,
  SandboxInfo,
  SandboxLimits,
  SandboxSummary,
  Scope,
  SecretInfo,
  SnapshotInfo,
  TenantBudget,
  TenantInfo as Tenant,
  TenantQuota,
  Usage,
  UsageQuery,
  UsageReport,
  UsageTotals,
  WaitOptions,
  WorkerDefinition,
  WorkerVersion,
  WorkflowStep,
} from "@mayfly/protocol"
export type { ConnectOptions, RemotePlatform, RunRequest } from "./remote-platform.ts"
export { DynamicWorker, type DynamicWorkerOptions } from "./dynamic-worker.ts"
export { DynamicWorkflow, WorkflowBinding, type WorkflowOptions, type WorkflowStatus } from "./dynamic-workflow.ts"
export type { RemoteApprovals } from "./remote-approvals.ts"
export type { RemoteKeys } from "./remote-keys.ts"
export type { RemoteLedger } from "./remote-ledger.ts"
export type { RemoteRuns } from "./remote-runs.ts"
export type { RemoteSecrets } from "./remote-secrets.ts"
export type { RemoteTenants } from "./remote-tenants.ts"
export type { RemoteUsage } from "./remote-usage.ts"
export type { RemoteWorkers } from "./remote-workers.ts"
export { Sandbox } from "./sandbox.ts"
export type { ExecOptions, ExecResult } from "./sandbox-exec.ts"
export type { FileContent, SandboxFiles } from "./sandbox-files.ts"
export type { SandboxProcess } from "./sandbox-process.ts"
export type { SandboxShell, ShellResult } from "./sandbox-shell.ts"
export type { SandboxTerminal, TerminalOptions } from "./sandbox-terminal.ts"
export type { Sandboxes, SandboxOptions } from "./sandboxes.ts"
export { connect }
