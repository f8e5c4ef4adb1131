export { csvLine } from "./csv.ts"
export { createLedger } from "./create-ledger.ts"
export { exportRows } from "./export-rows.ts"
export type {
  ChainHead,
  ChainProblem,
  ExportFormat,
  FollowedRow,
  FollowOptions,
  Ledger,
  LedgerFilter,
  LedgerPage,
  LedgerQuery,
  LedgerSink,
  RecordedRow,
  RunSummary,
  Verification,
  VerifyOptions,
} from "./ledger.ts"
export type { LedgerOptions } from "./open-ledger.ts"
