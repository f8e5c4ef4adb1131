export { type ErrorCode, MayflyError } from "@mayfly/protocol"
export { connect, type ConnectOptions, type RemotePlatform, type RunRequest } from "./remote-platform.ts"
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
export type { LedgerFilter, LedgerPage, RemoteLedger } from "./remote-ledger.ts"
export type { Approval, Decision, RemoteApprovals } from "./remote-approvals.ts"
export type { RemoteSecrets } from "./remote-secrets.ts"
