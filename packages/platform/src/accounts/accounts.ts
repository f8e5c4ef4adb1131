import type { MayflyError } from "@mayfly/protocol"
import type { Store } from "@mayfly/store"
import type { AskedRun, Run, RunGate, RunPass } from "@mayfly/runtime"
import { AccountJournal } from "./account-journal.ts"
import type { LoadedTenant } from "./account-procedures.ts"
import { type BudgetAlert, budgetError } from "./budget-watch.ts"
import { type Counters, noCounters } from "./counters.ts"
import type { HistoryRules } from "./history-rules.ts"
import { dayOf, firstDayOf } from "./periods.ts"
import { runData } from "./run-data.ts"
import { CountedPass, type PassReports } from "./run-pass.ts"
import { type Defaults, TenantAccount } from "./tenant-account.ts"
import { readSettings, suspendedError, type TenantSettings } from "./tenant-settings.ts"

export interface AccountsOptions {
  readonly store: () => Promise<Store>
  /** Whether the store outlasts this process. */
  readonly isDurable: boolean
  readonly defaults: Defaults
  readonly history: HistoryRules
  readonly onError?: (error: unknown) => void
}

/** What ends a tenant's doings besides its runs. */
export interface Stopper {
  /** Before its runs end. */
  hold(tenant: string): Promise<void>
  /** After it. */
  stop(tenant: string): Promise<void>
}

const maxIdleAccounts = 10_000
const forgetEveryMs = 3_600_000
const forgottenAtOnce = 5_000
/** Ours, not a tenant's: probes. */
const ownTenants = /^mayfly:/

/** What every tenant may do and has used; the gate that all runs of a platform pass. */
export class Accounts implements RunGate {
  readonly journal: AccountJournal
  readonly history: HistoryRules
  readonly #options: AccountsOptions
  readonly #accounts = new Map<string, TenantAccount>()
  readonly #loading = new Map<string, Promise<TenantAccount>>()
  readonly #alertListeners = new Set<(alert: BudgetAlert) => void>()
  readonly #resumeListeners = new Set<(tenant: string) => Promise<void>>()
  readonly #stoppers = new Set<Stopper>()
  /** Who changes settings waits for whoever does already: none must undo what another has just set. */
  readonly #changing = new Map<string, Promise<unknown>>()
  readonly #reports: PassReports
  #forgetter: NodeJS.Timeout | undefined

  constructor(options: AccountsOptions) {
    this.#options = options
    this.history = options.history
    this.journal = new AccountJournal({
      store: options.store,
      isDurable: options.isDurable,
      retention: () => ({ ...options.history, endedAfter: Date.now() - options.history.maxAgeMs }),
      ...(options.onError === undefined ? {} : { onError: options.onError }),
    })
    this.#reports = {
      count: (account, worker, counters) => this.count(account, worker, counters),
      keep: (asked, worker, startedAt, run, resultText) => this.#keep(asked, worker, { startedAt, run, resultText }),
    }
    if (options.isDurable && options.history.isOn) {
      this.#forgetter = setInterval(() => this.#forgetOld(), forgetEveryMs).unref()
    }
  }

  enter(asked: AskedRun): RunPass | Promise<RunPass> {
    const account = this.#accounts.get(asked.tenant)
    return account === undefined
      ? this.account(asked.tenant).then((loaded) => this.#enter(loaded, asked))
      : this.#enter(account, asked)
  }

  #enter(account: TenantAccount, asked: AskedRun): RunPass | Promise<RunPass> {
    this.#touch(account)
    const limits = account.enter(asked)
    if (!(limits instanceof Promise)) return new CountedPass(account, asked, limits, this.#reports)
    return limits.then((given) => new CountedPass(account, asked, given, this.#reports))
  }

  #touch(account: TenantAccount): void {
    const now = Date.now()
    account.lastUsed = now
    account.turnTo(dayOf(now))
  }

  /** The tenant as it stands in memory, or in the store. */
  async account(tenant: string): Promise<TenantAccount> {
    const known = this.#accounts.get(tenant)
    if (known !== undefined) return known
    const loading = this.#loading.get(tenant) ?? this.#load(tenant)
    this.#loading.set(tenant, loading)
    try {
      return await loading
    } finally {
      this.#loading.delete(tenant)
    }
  }

  async #load(tenant: string): Promise<TenantAccount> {
    const day = dayOf(Date.now())
    const loaded = await this.#read(tenant, day)
    const account = new TenantAccount(tenant, day, loaded)
    account.apply(readSettings(loaded.settings), this.#options.defaults, loaded.alerts)
    this.#accounts.set(tenant, account)
    if (this.#accounts.size > maxIdleAccounts) this.#forgetIdle()
    return account
  }

  async #read(tenant: string, day: number): Promise<LoadedTenant> {
    if (!this.journal.isOpen) return nothingStored()
    // What an account that was forgotten had counted stands there then.
    await this.journal.flush()
    const tables = await this.journal.tables()
    return tables.call("load", { tenant, day, monthStart: firstDayOf("month", day) })
  }

  /** Those that were used longest ago go; what they hold is in the store. */
  #forgetIdle(): void {
    if (!this.journal.isOpen) return
    const idle = [...this.#accounts.values()].filter(({ isIdle }) => isIdle).sort((a, b) => a.lastUsed - b.lastUsed)
    for (const { tenant } of idle.slice(0, maxIdleAccounts / 10)) this.#accounts.delete(tenant)
  }

  /** Tenants in memory. */
  get known(): Iterable<TenantAccount> {
    return this.#accounts.values()
  }

  /** Counts what a tenant used, tells of budgets, and ends what goes beyond one. */
  count(account: TenantAccount, worker: string, counters: Readonly<Counters>): void {
    const day = dayOf(Date.now())
    account.turnTo(day)
    account.budget.add(counters)
    this.journal.count(account.tenant, day, worker, counters)
    for (const alert of account.budget.news()) this.#alert(account, alert)
  }

  /** The same for what is no run's: workflows, sandboxes. */
  countSoon(tenant: string, counters: Partial<Counters>): void {
    const all = { ...noCounters(), ...counters }
    const account = this.#accounts.get(tenant)
    if (account !== undefined) return this.count(account, "", all)
    // An account that can't be read has no budget to watch; what was used is counted.
    this.account(tenant).then(
      (loaded) => this.count(loaded, "", all),
      () => this.journal.count(tenant, dayOf(Date.now()), "", all),
    )
  }

  /** The tenant, if it is in memory. */
  inMemory(tenant: string): TenantAccount | undefined {
    return this.#accounts.get(tenant)
  }

  #alert(account: TenantAccount, alert: BudgetAlert): void {
    this.journal.addAlert(account.budget.entryOf(alert))
    for (const listener of this.#alertListeners) listener(alert)
    if (alert.kind !== "hard") return
    // As many runs as it takes may begin; those that were let in may end.
    if (alert.amount !== "runs") void this.#end(account, budgetError(alert))
  }

  onAlert(listener: (alert: BudgetAlert) => void): () => void {
    this.#alertListeners.add(listener)
    return () => void this.#alertListeners.delete(listener)
  }

  /**
   * Called when all that a tenant does has to end; its runs end here. Workflows are held first: a step that fails because its run was taken away would
   * count as failed.
   */
  onStop(stopper: Stopper): void {
    this.#stoppers.add(stopper)
  }

  /** Called when a tenant may go on. */
  onResume(listener: (tenant: string) => Promise<void>): void {
    this.#resumeListeners.add(listener)
  }

  async #resumed(tenant: string): Promise<void> {
    await Promise.all([...this.#resumeListeners].map((listener) => listener(tenant)))
  }

  async #end(account: TenantAccount, error: MayflyError): Promise<void> {
    const { tenant } = account
    const stoppers = [...this.#stoppers]
    const onError = (problem: unknown): void => this.#options.onError?.(problem)
    await Promise.all(stoppers.map(({ hold }) => hold(tenant).catch(onError)))
    account.cancelAll(error)
    await Promise.all(stoppers.map(({ stop }) => stop(tenant).catch(onError)))
  }

  #keep(
    asked: AskedRun,
    worker: string,
    { startedAt, run, resultText }: { startedAt: number; run: Run; resultText: string | undefined },
  ): void {
    const { id, tenant, hash } = asked
    if (!this.history.isOn || ownTenants.test(tenant)) return
    const result = this.history.keepsResults ? resultText : undefined
    const data = runData(run, result)
    this.journal.addRun({ id, tenant, worker, hash, status: statusOf(run), startedAt, endedAt: Date.now(), data })
  }

  /** Changes settings, one after the other: stores them, then goes by them. A suspension counts from the first moment. */
  change(tenant: string, by: (settings: TenantSettings) => TenantSettings): Promise<TenantAccount> {
    const before = this.#changing.get(tenant) ?? Promise.resolve()
    const done = before.catch(() => {}).then(() => this.#change(tenant, by))
    const settled = done
      .catch(() => {})
      .then(() => {
        if (this.#changing.get(tenant) === settled) this.#changing.delete(tenant)
      })
    this.#changing.set(tenant, settled)
    return done
  }

  async #change(tenant: string, by: (settings: TenantSettings) => TenantSettings): Promise<TenantAccount> {
    const account = await this.account(tenant)
    const settings = by(account.settings)
    if (settings.suspended !== undefined) account.apply(settings, this.#options.defaults, [])
    const tables = await this.journal.tables()
    await tables.call("save", { tenant, settings: JSON.stringify(settings), now: Date.now() })
    const { alerts } = await this.#read(tenant, dayOf(Date.now()))
    // While that was read somebody else may have loaded it anew.
    const current = this.#accounts.get(tenant) ?? account
    current.apply(settings, this.#options.defaults, alerts)
    if (settings.suspended === undefined) await this.#resumed(tenant)
    else await this.#end(current, suspendedError(tenant, settings.suspended))
    return current
  }

  #forgetOld(): void {
    const endedAfter = Date.now() - this.history.maxAgeMs
    const forget = async (): Promise<void> => {
      const tables = await this.journal.tables()
      while ((await tables.call("forgetOld", { endedAfter, most: forgottenAtOnce })) === forgottenAtOnce);
    }
    forget().catch((error: unknown) => this.#options.onError?.(error))
  }

  /** Closing twice is safe. */
  async close(): Promise<void> {
    clearInterval(this.#forgetter)
    await this.journal.close()
  }
}

/** Made anew: an account adds to its counters. */
function nothingStored(): LoadedTenant {
  return { settings: null, day: noCounters(), month: noCounters(), workers: 0, alerts: [] }
}

export type EndedStatus = "succeeded" | "failed" | "cancelled"

function statusOf(run: Run): EndedStatus {
  if (run.ok) return "succeeded"
  return run.error.code === "worker.aborted" ? "cancelled" : "failed"
}
