import { MayflyError, type TenantBudget } from "@mayfly/protocol"
import type { AlertEntry } from "./account-procedures.ts"
import { addCounters, type Counters, noCounters } from "./counters.ts"
import { endOf, firstDayOf, type PeriodName } from "./periods.ts"
import { type AmountName, amountNames } from "./quota.ts"

/** Told when a budget was reached. */
export interface BudgetAlert {
  readonly tenant: string
  readonly kind: "soft" | "hard"
  readonly period: PeriodName
  readonly amount: AmountName
  readonly used: number
  readonly limit: number
  /** When the period is over, in epoch milliseconds. */
  readonly resetsAt: number
}

interface Check extends Pick<BudgetAlert, "kind" | "period" | "amount" | "limit"> {
  isTold: boolean
}

const periods: readonly PeriodName[] = ["day", "month"]

/** What a tenant has used in the current day and month, against what it may use. */
export class BudgetWatch {
  readonly #tenant: string
  #used: Record<PeriodName, Counters>
  #day: number
  #checks: Check[] = []
  #hard: Check[] = []

  constructor(tenant: string, day: number, used: Record<PeriodName, Counters>) {
    this.#tenant = tenant
    this.#day = day
    this.#used = used
  }

  get used(): Readonly<Record<PeriodName, Readonly<Counters>>> {
    return this.#used
  }

  /** Alerts that were told before are not told again in their period. */
  setBudget(budget: TenantBudget, told: readonly AlertEntry[]): void {
    this.#checks = periods.flatMap((period) =>
      (["soft", "hard"] as const).flatMap((kind) =>
        amountNames.flatMap((amount): Check[] => {
          const limit = budget[period]?.[kind]?.[amount]
          if (limit === undefined) return []
          const check = { kind, period, amount, limit }
          const firstDay = firstDayOf(period, this.#day)
          return [{ ...check, isTold: told.some((one) => one.name === nameOf(check) && one.firstDay === firstDay) }]
        }),
      ),
    )
    this.#hard = this.#checks.filter(({ kind }) => kind === "hard")
  }

  /** Begins a new day, and perhaps a month. */
  turnTo(day: number): void {
    if (day === this.#day) return
    for (const period of periods) {
      if (firstDayOf(period, day) === firstDayOf(period, this.#day)) continue
      this.#used = { ...this.#used, [period]: noCounters() }
      for (const check of this.#checks) if (check.period === period) check.isTold = false
    }
    this.#day = day
  }

  add(counters: Readonly<Counters>): void {
    addCounters(this.#used.day, counters)
    addCounters(this.#used.month, counters)
  }

  /** The hard budget that leaves no room, with so many runs under way. */
  exhausted(runsUnderWay: number): BudgetAlert | undefined {
    for (const check of this.#hard) {
      const used = amountOf(check.amount, this.#used[check.period])
      if (used + (check.amount === "runs" ? runsUnderWay : 0) >= check.limit) return this.#alertOf(check, used)
    }
    return undefined
  }

  /** The CPU that hard budgets leave, if they say anything about it. */
  get cpuMsLeft(): number | undefined {
    let left: number | undefined
    for (const { amount, period, limit } of this.#hard)
      if (amount === "cpuMs") left = Math.min(left ?? Infinity, limit - amountOf(amount, this.#used[period]))
    return left
  }

  /** Budgets that were reached since the last time. */
  news(): readonly BudgetAlert[] {
    if (this.#checks.length === 0) return []
    return this.#checks.flatMap((check) => {
      const used = amountOf(check.amount, this.#used[check.period])
      if (check.isTold || used < check.limit) return []
      check.isTold = true
      return [this.#alertOf(check, used)]
    })
  }

  get hasHard(): boolean {
    return this.#hard.length > 0
  }

  #alertOf({ kind, period, amount, limit }: Check, used: number): BudgetAlert {
    return { tenant: this.#tenant, kind, period, amount, used, limit, resetsAt: endOf(period, this.#day) }
  }

  /** As it is remembered that it was told. */
  entryOf(alert: BudgetAlert): AlertEntry {
    return { tenant: this.#tenant, name: nameOf(alert), firstDay: firstDayOf(alert.period, this.#day) }
  }
}

export function budgetError({ tenant, period, amount, used, limit, resetsAt }: BudgetAlert): MayflyError {
  const message = `tenant "${tenant}" has used its ${period}'s budget: ${amount} ${used} of ${limit}`
  const retryAfterMs = Math.max(0, resetsAt - Date.now())
  return new MayflyError("quota.budget", message, {
    details: { tenant, period, amount, used, limit, resetsAt, retryAfterMs },
  })
}

function nameOf({ kind, period, amount, limit }: Pick<BudgetAlert, "kind" | "period" | "amount" | "limit">): string {
  return `${kind} ${period} ${amount} ${limit}`
}

const kibPerGb = 1e9 / 1_024

function amountOf(amount: AmountName, counters: Readonly<Counters>): number {
  switch (amount) {
    case "cpuMs":
      return (counters.cpuUs + counters.sandboxCpuUs) / 1_000
    case "memoryGbMs":
      return (counters.memoryKibMs + counters.sandboxMemoryKibMs) / kibPerGb
    case "bytes":
      return counters.bytesIn + counters.bytesOut
    case "runs":
    case "subRequests":
    case "workflowSteps":
    case "sandboxMs":
      return counters[amount]
  }
}
