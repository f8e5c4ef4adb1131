import { provideDefaultRuntime } from "@mayfly/runtime"
import { provideDefaultSandboxes } from "@mayfly/sandbox"
import { defaultPlatform } from "./platform.ts"

provideDefaultRuntime(() => defaultPlatform().runtime)
provideDefaultSandboxes(() => defaultPlatform().env.SANDBOX)

export { missingSandboxNeeds, providerNames, Sandbox, Sandboxes, TenantSandboxes } from "@mayfly/sandbox"
export type { HeldFiles } from "./hold-files.ts"
export { type GuestSandbox, sandboxBinding, type SandboxRights } from "./sandbox-binding.ts"
export type {
  CodeContextInfo,
  CodeExecution,
  CodeLanguage,
  CodeResult,
  ExecOptions,
  ExecResult,
  Exposure,
  LogChunk,
  PackOptions,
  PreviewBase,
  Previews,
  ProcessEnd,
  ProcessStatus,
  SandboxFiles,
  SandboxInfo,
  SandboxLimits,
  SandboxNeed,
  SandboxOptions,
  SandboxProcess,
  SandboxShell,
  SandboxSummary,
  SandboxTerminal,
  ShellResult,
  SnapshotInfo,
  TenantSandboxOptions,
} from "@mayfly/sandbox"

export type {
  Approval,
  ApprovalDesk,
  ApprovalScope,
  Decision,
  SecretAlert,
  SecretInfo,
  SecretVault,
} from "@mayfly/mesh"
export type { WebhookFailure, WebhookOptions } from "./webhooks/webhook-options.ts"
export { createWebhookSecret } from "./webhooks/webhook-secret.ts"
export {
  beyondPolicy,
  canonicalPolicy,
  expectPolicy,
  learnedPolicy,
  narrowPolicy,
  type PolicyChange,
  type PolicyExpectation,
  PolicyHandle,
  type PolicyHandleOptions,
  policyHash,
} from "@mayfly/mesh"
export {
  detectJail,
  DurableObject,
  DurableObjectClass,
  DurableObjectId,
  DurableObjectNamespace,
  DynamicWorker,
  Facets,
  planWorker,
  provideStandIn,
  RpcTarget,
  runToJson,
  takeSocket,
  WebSocketPair,
  WorkerLoader,
  WorkerResponse,
} from "@mayfly/runtime"
export type {
  DurableObjectNamespaceOptions,
  DurableObjectState,
  DynamicWorkerOptions,
  Entrypoint,
  FacetStartupOptions,
  Fetcher,
  Jail,
  ProgramPlan,
  Run,
  RunEvent,
  RunOptions,
  RunWebSocket,
  SocketEnd,
  SocketErrorEvent,
  Tail,
  TraceItem,
  WorkerCode,
  WorkerStub,
} from "@mayfly/runtime"
export { type DataDirectory, directoryOwner, openDataDirectory } from "@mayfly/store"
export { createWorkerBundle, type WorkerBundle, type WorkerBundleOptions } from "./create-worker-bundle.ts"
export type { HookRequest } from "./hooks/check-signature.ts"
export { createPlatform, defaultPlatform, type Platform, provideDefaultPlatform } from "./platform.ts"
export { exportRows } from "@mayfly/mesh/ledger"
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
} from "@mayfly/mesh/ledger"
export type { BudgetAlert } from "./accounts/budget-watch.ts"
export type { HistoryOptions } from "./accounts/history-rules.ts"
export type { RunHistory } from "./accounts/run-history.ts"
export { comparePrices, type PriceComparison, type ServicePrice } from "./accounts/prices.ts"
export type { RateState, Tenants } from "./accounts/tenants.ts"
export { type UsageReports } from "./accounts/usage.ts"
export type { NamedWorkers, UntilRemoved } from "./workers/named-workers.ts"
export type { WorkerDefinition } from "./workers/worker-definition.ts"
export type { PlatformOptions, PlatformSandboxOptions } from "./platform-options.ts"
export type { PlatformStats, WorkflowStats } from "./platform-stats.ts"
export * from "./code-mode/index.ts"
export {
  DynamicWorkflow,
  type GivenStep,
  type HistoryEntry,
  type HookSignature,
  type InstanceStatus,
  type LackingCode,
  type ScriptSteps,
  type StepContext,
  type StepSandbox,
  WorkflowBinding,
  type WorkflowClasses,
  type WorkflowIntrospector,
  type WorkflowOptions,
  type WorkflowOrigin,
  type WorkflowStatus,
} from "@mayfly/workflows"
export type {
  Amounts,
  FileEvent,
  FileInfo,
  ListedRun,
  NamedWorkerInfo,
  PeriodBudget,
  ProviderReport,
  RunDetails,
  RunPage,
  RunQuery,
  RunStatus,
  SandboxUsage,
  TenantBudget,
  TenantChanges,
  TenantInfo,
  TenantQuota,
  UsageGroup,
  UsageQuery,
  UsageReport,
  UsageRow,
  UsageTotals,
  WorkerVersion,
} from "@mayfly/protocol"
