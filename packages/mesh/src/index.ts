export { type CanonicalTarget, canonicalTarget, type Target, type TargetProblem } from "./canonical-origin.ts"
export { decide, type DenyReason, type Outbound, type Verdict } from "./decide.ts"
export { createHttpEgress, type HttpEgressOptions } from "./http-egress.ts"
export type { OriginPattern } from "./origin-pattern.ts"
export { parsePolicy, type Policy, type PolicyRule } from "./parse-policy.ts"
export type { Lookup } from "./resolve-addresses.ts"
export { createLedger } from "./ledger/create-ledger.ts"
export { jsonLine } from "./ledger/json-line.ts"
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
} from "./ledger/ledger.ts"
export type { LedgerOptions } from "./ledger/open-ledger.ts"
