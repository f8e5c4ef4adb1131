import { provideDefaultRuntime } from "@mayfly/runtime"
import { provideDefaultSandboxes } from "@mayfly/sandbox"
import { defaultPlatform } from "./platform.ts"

provideDefaultRuntime(() => defaultPlatform().runtime)
provideDefaultSandboxes(() => defaultPlatform().env.SANDBOX)

export { Sandbox, Sandboxes, TenantSandboxes } from "@mayfly/sandbox"
export { type GuestSandbox, sandboxBinding, type SandboxRights } from "./sandbox-binding.ts"
export type {
  CodeContextInfo,
  CodeExecution,
  CodeLanguage,
  CodeResult,
  ExecOptions,
  ExecResult,
  Exposure,
  FileEvent,
  FileInfo,
  LogChunk,
  PackOptions,
  PreviewBase,
  Previews,
  ProcessEnd,
  ProcessStatus,
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
export { createWorkerBundle, type WorkerBundle, type WorkerBundleOptions } from "./create-worker-bundle.ts"
export { createPlatform, defaultPlatform, type Platform, provideDefaultPlatform } from "./platform.ts"
export { exportRows, jsonLine } from "@mayfly/mesh/ledger"
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
export type { PlatformOptions } from "./platform-options.ts"
export * from "./code-mode/index.ts"
export {
  DynamicWorkflow,
  type GivenStep,
  type HistoryEntry,
  type InstanceStatus,
  type StepContext,
  type StepSandbox,
  WorkflowBinding,
  type WorkflowIntrospector,
  type WorkflowOptions,
  type WorkflowStatus,
} from "@mayfly/workflows"
