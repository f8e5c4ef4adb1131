import type { LedgerRow } from "./network.ts"

/** A row as it is kept. */
export type RecordedRow = LedgerRow & {
  /**
   * `known`: it is over. `pending`: it is under way. `unknown`: the process that made the attempt ended before it could say; bytes may have left.
   */
  readonly outcome: "known" | "pending" | "unknown"
  /** SHA-256, hex, of this entry and all before it. */
  readonly hash: string
  readonly previousHash: string
  /** That of the entry with the outcome, null when there is none. */
  readonly outcomeHash: string | null
}

export interface LedgerFilter {
  readonly tenant?: string
  readonly run?: string
  readonly decision?: LedgerRow["decision"]
  readonly origin?: string
  /** Recorded at this time or later, epoch milliseconds. */
  readonly since?: number
  /** Recorded at this time or earlier. */
  readonly until?: number
}

export interface LedgerQuery extends LedgerFilter {
  /** `next` of an earlier page. */
  readonly cursor?: string
  /** 1 to 1,000. Default 100. */
  readonly limit?: number
}

export interface LedgerPage {
  readonly rows: readonly RecordedRow[]
  /** Null on the last page. */
  readonly next: string | null
  /** `follow` from here misses nothing that is not on this page or a later one of the same filter. */
  readonly latest: string
}

export interface FollowOptions extends LedgerFilter {
  readonly cursor?: string
  readonly signal?: AbortSignal
}

export interface FollowedRow {
  readonly row: RecordedRow
  /** Continues behind this row. */
  readonly cursor: string
}

export interface VerifyOptions {
  /** Counts the rows of one tenant. The chain is one: it is verified whole, and what is broken elsewhere is named without its contents. */
  readonly tenant?: string
  /** A head that was written down elsewhere; the chain must contain it. */
  readonly expect?: ChainHead
  readonly signal?: AbortSignal
}

/** A place in the chain. Who keeps one elsewhere notices any later change to what came before it. */
export interface ChainHead {
  readonly seq: number
  readonly hash: string
}

export type Verification =
  | {
      readonly ok: true
      /** Entries that were verified; an attempt and its outcome are two. */
      readonly entries: number
      /** Rows among them, of the tenant when one was named. */
      readonly rows: number
      readonly head: ChainHead
    }
  | { readonly ok: false; readonly entries: number; readonly problem: ChainProblem }

export interface ChainProblem {
  readonly kind:
    /** The entry is not what was written. */
    | "changed"
    /** Entries before it are gone. */
    | "missing"
    /** Entries at the end are gone. */
    | "truncated"
    /** The file that remembers the head is gone, or not ours. */
    | "anchor"
    /** A start of Mayfly found one of these; the message says which. */
    | "found-at-start"
  /** The first entry that is wrong. */
  readonly seq: number
  /** Its row's id, when it has one and may be shown. */
  readonly id: string | null
  readonly message: string
}

export interface RunSummary {
  readonly runId: string
  readonly attempts: number
  readonly refused: number
  readonly bytesIn: number
  readonly bytesOut: number
  /** "read 3 times from api.github.com", one for each kind of thing it did. */
  readonly lines: readonly string[]
  /** The lines as one sentence. */
  readonly text: string
}
