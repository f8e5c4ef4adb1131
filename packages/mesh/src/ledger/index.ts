export { csvLine } from "./csv.ts"
export { createLedger } from "./create-ledger.ts"
export { exportRows } from "./export-rows.ts"
export type { ExportFormat, Ledger, LedgerSink } from "./ledger.ts"
export type { LedgerOptions } from "./open-ledger.ts"
export type {
  ChainHead,
  ChainProblem,
  FollowedRow,
  FollowOptions,
  LedgerFilter,
  LedgerPage,
  LedgerQuery,
  RecordedRow,
  RunSummary,
  Verification,
  VerifyOptions,
} from "@mayfly/protocol"
