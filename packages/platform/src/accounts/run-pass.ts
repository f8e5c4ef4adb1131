import type { Limits } from "@mayfly/protocol"
import type { AskedRun, Run, RunPass, RunTraces } from "@mayfly/runtime"
import { type Counters, noCounters } from "./counters.ts"
import type { TenantAccount } from "./tenant-account.ts"

export interface PassReports {
  count(account: TenantAccount, worker: string, counters: Readonly<Counters>): void
  keep(asked: AskedRun, worker: string, startedAt: number, run: Run, resultText: string | undefined): void
}

/** One run that was let in, until all that it used is counted. */
export class CountedPass implements RunPass {
  readonly limits: Limits | null
  /** Epoch milliseconds. */
  readonly startedAt = Date.now()
  readonly #account: TenantAccount
  readonly #asked: AskedRun
  readonly #reports: PassReports
  #worker = ""
  #cpuUs = 0

  constructor(account: TenantAccount, asked: AskedRun, limits: Limits | null, reports: PassReports) {
    this.#account = account
    this.#asked = asked
    this.limits = limits
    this.#reports = reports
  }

  called(run: Run): void {
    this.#reports.count(this.#account, this.#account.rowOf(this.#asked), countersOf(run, true))
  }

  ended(run: Run, { resultText, unmeasuredCpuMs }: RunTraces): void {
    const { call } = this.#asked
    this.#account.leave(this.#asked)
    this.#worker = this.#account.rowOf(this.#asked)
    // The calls of an object are its runs, and warming one up is none.
    const counters = countersOf(run, call === "run" || call === "fetch")
    // The time of its calls was counted with them.
    if (call === "object") counters.wallUs = 0
    if (unmeasuredCpuMs !== undefined) counters.cpuUs = microseconds(unmeasuredCpuMs)
    this.#cpuUs = counters.cpuUs
    this.#reports.count(this.#account, this.#worker, counters)
    if (call === "run" || call === "fetch")
      this.#reports.keep(this.#asked, this.#worker, this.startedAt, run, resultText)
  }

  left(): void {
    this.#account.leave(this.#asked)
  }

  late({ cpuMs }: { readonly cpuMs: number }): void {
    const more = microseconds(cpuMs) - this.#cpuUs
    if (more <= 0) return
    this.#cpuUs += more
    this.#reports.count(this.#account, this.#worker, { ...noCounters(), cpuUs: more })
  }
}

function countersOf({ ok, usage }: Run, isRun: boolean): Counters {
  return {
    ...noCounters(),
    runs: isRun ? 1 : 0,
    failedRuns: isRun && !ok ? 1 : 0,
    cpuUs: microseconds(usage.cpuMs),
    wallUs: microseconds(usage.wallMs),
    memoryKibMs: Math.round((usage.peakMemoryBytes / 1_024) * usage.wallMs),
    bytesIn: usage.bytesIn,
    bytesOut: usage.bytesOut,
    subRequests: usage.subRequests,
    bindingCalls: usage.bindingCalls,
  }
}

function microseconds(ms: number): number {
  return Math.round(ms * 1_000)
}
