import { randomUUID } from "node:crypto"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { createLedger } from "@mayfly/mesh/ledger"
import { openStore } from "@mayfly/store"

export interface LedgerResult {
  readonly attemptsPerSecond: number
  readonly beginMs: { readonly p50: number; readonly p99: number }
  readonly verifiedEntriesPerSecond: number
  readonly pageMs: number
}

/** Attempts with their outcomes, by so many callers at once, on a real disk; then the chain is verified and a page is read. */
export async function measureLedger(callers: number, durationMs: number): Promise<LedgerResult> {
  const directory = mkdtempSync(join(tmpdir(), "mayfly-bench-ledger-"))
  try {
    await using store = await openStore({ directory })
    await using ledger = createLedger({ store: async () => store, directory })
    await ledger.begin(row())
    const times: number[] = []
    const started = performance.now()
    const attempt = async (): Promise<void> => {
      while (performance.now() - started < durationMs) {
        const before = performance.now()
        const begun = row()
        await ledger.begin(begun)
        times.push(performance.now() - before)
        ledger.end({ ...begun, status: 200, bytesIn: 1_000, durationMs: 1 })
      }
    }
    await Promise.all(Array.from({ length: callers }, attempt))
    // Outcomes are told, not awaited: they count when they are on disk.
    await ledger.close()
    const seconds = (performance.now() - started) / 1_000
    const verifying = performance.now()
    const verified = await ledger.verify()
    if (!verified.ok) throw new Error(verified.problem.message)
    const verifySeconds = (performance.now() - verifying) / 1_000
    const paging = performance.now()
    await ledger.query({ decision: "deny" })
    times.sort((a, b) => a - b)
    return {
      attemptsPerSecond: times.length / seconds,
      beginMs: { p50: times[times.length >> 1] ?? 0, p99: times[Math.floor(times.length * 0.99)] ?? 0 },
      verifiedEntriesPerSecond: verified.entries / verifySeconds,
      pageMs: performance.now() - paging,
    }
  } finally {
    rmSync(directory, { recursive: true })
  }
}

const policy = { policyHash: "ab".repeat(32), secrets: ["API_KEY"] }

function row(): Parameters<ReturnType<typeof createLedger>["begin"]>[0] {
  return {
    id: randomUUID(),
    time: Date.now(),
    tenant: "bench",
    runId: "run_bench",
    method: "GET",
    origin: "https://api.example.com",
    path: "/v1/items/123456",
    address: "203.0.113.7",
    port: 443,
    decision: "allow",
    rule: "https://api.example.com",
    reason: null,
    status: null,
    bytesIn: 0,
    bytesOut: 0,
    durationMs: 0,
    ...policy,
  }
}
