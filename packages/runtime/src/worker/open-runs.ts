import { MayflyError } from "@mayfly/protocol"

export interface OpenRunsOptions {
  /** Open runs of one tenant; one more ends the one that was used longest ago. Default 32. */
  readonly perTenant?: number
  /** An open run that nobody calls for so long ends. Default 60,000. */
  readonly idleMs?: number
  /** Of all tenants. Default: 32 for each core. */
  readonly total?: number
}

/** A run whose caller has its result and holds stubs in it. */
export interface OpenRun {
  readonly tenant: string
  /** Ends it; its stubs fail with `reason` from now on. */
  expire(reason: MayflyError): void
}

/** Open runs hold isolates: there are only so many, and those that were used longest ago go first. */
export class OpenRuns {
  readonly idleMs: number
  readonly #perTenant: number
  readonly #total: number
  /** In order of last use. */
  readonly #byTenant = new Map<string, Set<OpenRun>>()
  #size = 0

  constructor({ perTenant = 32, idleMs = 60_000, total = Infinity }: OpenRunsOptions = {}) {
    this.#perTenant = perTenant
    this.idleMs = idleMs
    this.#total = total
  }

  get size(): number {
    return this.#size
  }

  /** Adds a run, or notes that it was used. */
  use(run: OpenRun): void {
    const runs = this.#byTenant.get(run.tenant) ?? new Set()
    this.#byTenant.set(run.tenant, runs)
    if (runs.delete(run)) this.#size--
    runs.add(run)
    this.#size++
    if (runs.size > this.#perTenant) {
      this.#expireOldest(runs, `tenant "${run.tenant}" holds stubs of more than ${this.#perTenant} runs`)
    } else if (this.#size > this.#total) {
      this.#expireOldest(this.#largest(), `stubs of more than ${this.#total} runs are held`)
    }
  }

  remove(run: OpenRun): void {
    const runs = this.#byTenant.get(run.tenant)
    if (runs?.delete(run) !== true) return
    this.#size--
    if (runs.size === 0) this.#byTenant.delete(run.tenant)
  }

  /** Whoever holds the most gives way. */
  #largest(): Set<OpenRun> {
    let largest = new Set<OpenRun>()
    for (const runs of this.#byTenant.values()) if (runs.size > largest.size) largest = runs
    return largest
  }

  #expireOldest(runs: ReadonlySet<OpenRun>, because: string): void {
    const [oldest] = runs
    if (oldest === undefined) return
    this.remove(oldest)
    oldest.expire(stubExpired(`${because}, and this one was used longest ago`))
  }
}

export function stubExpired(message: string, cause?: MayflyError): MayflyError {
  return new MayflyError("worker.stub-expired", message, cause === undefined ? {} : { cause })
}
