import type {
  LedgerRow,
  LedgerFilter,
  LedgerQuery,
  LedgerPage,
  FollowOptions,
  FollowedRow,
  VerifyOptions,
  Verification,
  RunSummary,
} from "@mayfly/protocol"

/** Where the way out records what it does. */
export interface LedgerSink {
  /** Awaited before any byte of the attempt flows. Rejects when the row is not on disk; then nothing may flow. */
  begin(row: LedgerRow): Promise<void>
  /** The outcome of an attempt that has begun, by its id. Never throws, never waits. A row that has not begun is recorded whole. */
  end(row: LedgerRow): void
}

/** The append-only record of every egress attempt. Whoever creates it closes it. */
export interface Ledger extends LedgerSink, AsyncDisposable {
  /** A page of rows, the newest first. Throws `input.invalid` for a filter that can't be meant. */
  query(query?: LedgerQuery): Promise<LedgerPage>
  /**
   * Rows as they begin, and again when their outcome is known. Starts behind `cursor`, else now. A slow reader misses nothing and holds up nobody;
   * it reads from disk at its own pace. Ends when the signal fires.
   */
  follow(options?: FollowOptions): AsyncIterable<FollowedRow>
  /** All rows, the oldest first, as text. */
  export(format: ExportFormat, filter?: LedgerFilter): AsyncIterable<string>
  /** Recomputes the chain, in bounded memory. */
  verify(options?: VerifyOptions): Promise<Verification>
  /** What a run did, in plain words. */
  summary(runId: string): Promise<RunSummary>
  /** Forgets rows that are older; the rest still verifies. Gives how many entries went. */
  prune(before: number): Promise<number>
  /** Waits for outcomes that are on their way. The store stays open: it belongs to whoever opened it. Calling twice is safe. */
  close(): Promise<void>
}

export type ExportFormat = "jsonl" | "csv"
