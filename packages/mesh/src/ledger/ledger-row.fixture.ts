import { randomUUID } from "node:crypto"
import type { LedgerRow } from "@mayfly/protocol"

/** A ledger keeps whatever else a row has. */
const more = { policyHash: "ab".repeat(32), secrets: ["API_KEY"] }

/** A row of an attempt that was allowed and has not ended. */
export function ledgerRow(given: Partial<LedgerRow> = {}): LedgerRow {
  return {
    id: randomUUID(),
    time: Date.now(),
    tenant: "acme",
    runId: "run_1",
    method: "GET",
    origin: "https://api.github.com",
    path: "/repos",
    address: "140.82.112.3",
    port: 443,
    decision: "allow",
    rule: "https://api.github.com",
    reason: null,
    status: null,
    bytesIn: 0,
    bytesOut: 0,
    durationMs: 0,
    ...more,
    ...given,
  }
}
