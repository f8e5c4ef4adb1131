import { MayflyError, type TenantInfo, type TenantChanges } from "@mayfly/protocol"
import { parseTenant } from "@mayfly/runtime"
import type { Accounts } from "./accounts.ts"
import type { BudgetAlert } from "./budget-watch.ts"
import { totalsOf } from "./counters.ts"
import { parseBudget, parseQuota } from "./quota.ts"
import type { TenantAccount } from "./tenant-account.ts"
import { readSettings, type TenantSettings } from "./tenant-settings.ts"

/** For the headers of an answer: how a tenant stands with its rate. */
export interface RateState {
  readonly limit: number
  readonly windowMs: number
  readonly remaining: number
  readonly resetMs: number
}

const maxReason = 500
const maxListed = 10_000

/** What tenants may do. A tenant needs no account to be there: until something is set the platform's defaults count. */
export class Tenants {
  readonly #accounts: Accounts

  /** @internal Use `platform.tenants`. */
  constructor(accounts: Accounts) {
    this.#accounts = accounts
  }

  /** Rejects with `input.invalid` for a name that can't be one. */
  async get(tenant: string): Promise<TenantInfo> {
    return infoOf(await this.#accounts.account(parseTenant(tenant)))
  }

  /** Those for which something is set, and those that have used something. */
  async list(): Promise<readonly TenantInfo[]> {
    const names = new Set([...this.#accounts.known].map(({ tenant }) => tenant))
    if (this.#accounts.journal.isOpen) {
      const tables = await this.#accounts.journal.tables()
      const sql = "SELECT tenant FROM accounts_tenants UNION SELECT DISTINCT tenant FROM accounts_usage LIMIT ?"
      for (const { tenant } of await tables.read<{ tenant: string }>(sql, [maxListed])) names.add(tenant)
    }
    const infos: TenantInfo[] = []
    for (const name of [...names].sort()) infos.push(await this.get(name))
    return infos
  }

  /** Sets what is given; quota and budget are replaced as a whole. Rejects with `input.invalid`. */
  async set(tenant: string, { quota, budget }: TenantChanges): Promise<TenantInfo> {
    const given = {
      ...(quota === undefined ? {} : { quota: parseQuota(quota) }),
      ...(budget === undefined ? {} : { budget: parseBudget(budget) }),
    }
    const change = (settings: TenantSettings): TenantSettings => readSettings(JSON.stringify({ ...settings, ...given }))
    return infoOf(await this.#accounts.change(parseTenant(tenant), change))
  }

  /**
   * The kill switch: ends its runs, holds its workflows, stops its sandboxes, and refuses whatever it asks for with `tenant.suspended`. Resolves when that
   * has happened. It lasts until `resume`, over restarts too.
   */
  async suspend(tenant: string, reason = ""): Promise<TenantInfo> {
    if (typeof reason !== "string" || reason.length > maxReason)
      throw invalid("reason", `must be a text of at most ${maxReason} characters`)
    const at = Date.now()
    const change = (settings: TenantSettings): TenantSettings => ({ suspended: { at, reason }, ...settings })
    return infoOf(await this.#accounts.change(parseTenant(tenant), change))
  }

  /** Lifts it; its workflows go on. */
  async resume(tenant: string): Promise<TenantInfo> {
    const change = ({ suspended: _, ...settings }: TenantSettings): TenantSettings => settings
    return infoOf(await this.#accounts.change(parseTenant(tenant), change))
  }

  /** Throws `tenant.suspended` or `quota.budget` when the tenant may begin nothing new. */
  async check(tenant: string): Promise<void> {
    ;(await this.#accounts.account(parseTenant(tenant))).check()
  }

  /**
   * Throws what a run of the tenant's would be refused with now: before anything is compiled for it. Takes nothing, so what comes next may still be
   * refused.
   */
  async mayBegin(tenant: string): Promise<void> {
    ;(await this.#accounts.account(parseTenant(tenant))).mayBegin()
  }

  /** Undefined when it has no rate. */
  async rate(tenant: string): Promise<RateState | undefined> {
    const { bucket } = await this.#accounts.account(parseTenant(tenant))
    if (bucket === undefined) return undefined
    const { remaining, fullInMs } = bucket.look(performance.now())
    const windowMs = Math.ceil((bucket.burst * 1_000) / bucket.perSecond)
    return { limit: bucket.burst, windowMs, remaining, resetMs: fullInMs }
  }

  /** Told when a budget is reached, once per period. Returns what ends it. */
  onAlert(listener: (alert: BudgetAlert) => void): () => void {
    return this.#accounts.onAlert(listener)
  }
}

function infoOf(account: TenantAccount): TenantInfo {
  const { tenant, quota, settings, budget, running, waiting } = account
  const { day, month } = budget.used
  return {
    id: tenant,
    quota,
    budget: account.limits,
    suspended: settings.suspended ?? null,
    used: { day: totalsOf(day), month: totalsOf(month) },
    running: running.size,
    waiting: waiting.length,
  }
}

function invalid(path: string, problem: string): MayflyError {
  return new MayflyError("input.invalid", `${path} ${problem}`, { details: { path } })
}
