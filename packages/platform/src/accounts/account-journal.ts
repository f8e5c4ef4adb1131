import { randomUUID } from "node:crypto"
import { MayflyError } from "@mayfly/protocol"
import type { Store, Tables } from "@mayfly/store"
import type { AlertEntry, Batch, procedures, Retention, RunEntry, UsageEntry } from "./account-procedures.ts"
import { owner } from "./account-tables.ts"
import { type RunData, sizeOf } from "./run-data.ts"
import { addCounters, type Counters, noCounters } from "./counters.ts"

export interface JournalOptions {
  readonly store: () => Promise<Store>
  /** Whether it is written as it comes. Otherwise only when somebody asks for it, or when too much came together. */
  readonly isDurable: boolean
  readonly retention: () => Retention
  /** Told when a batch could not be written; it is tried again. */
  readonly onError?: (error: unknown) => void
}

export type AccountTables = Tables<typeof procedures>

/** A run that is over, its data not yet a text: that is made when it is written, not while the caller waits. */
export type PendingRun = Omit<RunEntry, "data"> & { readonly data: RunData }

/** After this long what came together is written: what a crash loses at most, besides the write itself. */
const windowMs = 250
const slowestRetryMs = 10_000
/** Runs in memory, and what they may take; the oldest are forgotten for one more. */
const maxPendingRuns = 10_000
const maxPendingBytes = 32 << 20
/** The same where nothing is written to disk. */
const maxRunsInMemory = 1_000
const maxRunsOfBatch = 2_000
const maxEntries = 20_000

/**
 * Gathers what was used, and writes it in batches, each as one transaction. A `kill -9` loses what came within the last 250 ms and the write under
 * way, and nothing is ever counted twice: a batch has a number, and is written once.
 */
export class AccountJournal {
  readonly #options: JournalOptions
  readonly #writer = randomUUID()
  #number = 0
  /** By tenant, then by day and worker. */
  #usage = new Map<string, Map<string, UsageEntry & { readonly counters: Counters }>>()
  #entries = 0
  #runs: PendingRun[] = []
  #runBytes = 0
  #alerts: AlertEntry[] = []
  #opening: Promise<AccountTables> | undefined
  #writing: Promise<void> | undefined
  #failed: Batch | undefined
  #timer: NodeJS.Timeout | undefined
  #retryMs = windowMs
  #isClosed = false

  constructor(options: JournalOptions) {
    this.#options = options
  }

  /** Whether something may stand in the tables: what was never written need not be read. */
  get isOpen(): boolean {
    return this.#options.isDurable || this.#opening !== undefined
  }

  tables(): Promise<AccountTables> {
    this.#opening ??= this.#open()
    return this.#opening
  }

  async #open(): Promise<AccountTables> {
    try {
      return await (await this.#options.store()).attach<typeof procedures>(owner)
    } catch (error) {
      // Asked again, it tries again.
      this.#opening = undefined
      throw error
    }
  }

  /** Adds to what is counted. Costs no more than a look into two tables. */
  count(tenant: string, day: number, worker: string, counters: Readonly<Counters>): void {
    let ofTenant = this.#usage.get(tenant)
    if (ofTenant === undefined) this.#usage.set(tenant, (ofTenant = new Map()))
    const key = `${day}${worker}`
    let entry = ofTenant.get(key)
    if (entry === undefined) {
      ofTenant.set(key, (entry = { tenant, day, worker, counters: noCounters() }))
      this.#entries++
    }
    addCounters(entry.counters, counters)
    this.#later()
  }

  addRun(run: PendingRun): void {
    this.#runs.push(run)
    this.#runBytes += sizeOf(run.data)
    const most = this.#options.isDurable ? maxPendingRuns : maxRunsInMemory
    // A tenth at a time: an array is slow to lose its first.
    if (this.#runs.length > most || this.#runBytes > maxPendingBytes) this.#takeRuns(Math.ceil(this.#runs.length / 10))
    this.#later()
  }

  #takeRuns(count: number): PendingRun[] {
    const taken = this.#runs.splice(0, count)
    for (const { data } of taken) this.#runBytes -= sizeOf(data)
    return taken
  }

  addAlert(alert: AlertEntry): void {
    this.#alerts.push(alert)
    this.#later()
  }

  #later(): void {
    if (this.#timer !== undefined || this.#isClosed) return
    if (!this.#options.isDurable && this.#entries < maxEntries) return
    this.#timer = setTimeout(() => void this.#writeDue(), this.#retryMs).unref()
  }

  async #writeDue(): Promise<void> {
    this.#timer = undefined
    try {
      await this.flush()
    } catch {
      this.#later()
    }
  }

  /** Writes all that was counted before. Rejects when that is not possible; nothing is lost then, it is tried again later. */
  async flush(): Promise<void> {
    while (this.#writing !== undefined) await this.#writing.catch(() => {})
    while (this.#failed !== undefined || this.#entries > 0 || this.#runs.length > 0 || this.#alerts.length > 0) {
      this.#writing = this.#write(this.#failed ?? this.#take())
      try {
        await this.#writing
      } finally {
        this.#writing = undefined
      }
    }
  }

  async #write(batch: Batch): Promise<void> {
    this.#failed = batch
    try {
      await (await this.tables()).call("record", batch)
      this.#failed = undefined
      this.#retryMs = windowMs
    } catch (error) {
      this.#retryMs = Math.min(this.#retryMs * 2, slowestRetryMs)
      if (!(error instanceof MayflyError && error.code === "platform.disposed")) this.#options.onError?.(error)
      throw error
    }
  }

  #take(): Batch {
    const usage = [...this.#usage.values()].flatMap((ofTenant) => [...ofTenant.values()])
    const runs = this.#takeRuns(maxRunsOfBatch).map(({ data, ...run }) => ({ ...run, data: JSON.stringify(data) }))
    const alerts = this.#alerts
    this.#usage = new Map()
    this.#entries = 0
    this.#alerts = []
    return { writer: this.#writer, number: ++this.#number, usage, runs, alerts, retention: this.#options.retention() }
  }

  /** Writes what is left. Closing twice is safe. */
  async close(): Promise<void> {
    if (this.#isClosed) return
    this.#isClosed = true
    clearTimeout(this.#timer)
    if (this.#options.isDurable) await this.flush().catch(() => {})
  }
}
