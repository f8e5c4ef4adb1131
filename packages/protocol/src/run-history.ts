import type { MayflyError } from "./mayfly-error.ts"
import type { LogLine, Usage } from "./run.ts"

export type RunStatus = "queued" | "running" | "succeeded" | "failed" | "cancelled"

export interface ListedRun {
  readonly id: string
  readonly tenant: string
  /** A name, or the content hash. */
  readonly worker: string
  readonly hash: string
  readonly status: RunStatus
  /** Epoch milliseconds; missing while it waits. */
  readonly startedAt?: number
  readonly endedAt?: number
}

export interface RunDetails extends ListedRun {
  readonly usage?: Usage
  readonly logs?: readonly LogLine[]
  readonly logsTruncated?: true
  /** How many rows it has in the ledger. */
  readonly egress?: number
  readonly error?: MayflyError
  /** Missing when it is large, or results are not kept. */
  readonly result?: unknown
  /** The size of a result that is not kept. */
  readonly resultBytes?: number
}

export interface RunQuery {
  readonly tenant?: string
  readonly status?: RunStatus
  readonly worker?: string
  /** Began at this time or later, in epoch milliseconds. */
  readonly since?: number
  readonly cursor?: string
  /** Default 100, at most 1,000. */
  readonly limit?: number
}

export interface RunPage {
  /** Those under way first, on the first page; then the one that ended last, and so on. */
  readonly runs: readonly ListedRun[]
  /** For the next page, where there is one. */
  readonly cursor: string | null
}
