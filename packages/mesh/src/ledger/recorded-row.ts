import type { LedgerRow, RecordedRow } from "@mayfly/protocol"

/** An attempt joined with its outcome, as the database gives it. */
export interface JoinedRow {
  readonly entry: number
  readonly seq: number
  readonly data: string
  readonly hash: string
  readonly previous: string | null
  readonly outcome: string | null
  readonly outcome_hash: string | null
}

/** What an entry's JSON holds. */
export interface RowData {
  readonly row: LedgerRow
  /** Of an attempt: there is nothing more to come. */
  readonly final?: true
}

/** `startSeq`: attempts before it were made by processes that are gone. */
export function toRecordedRow(joined: JoinedRow, startSeq: number): RecordedRow {
  const { row, final } = JSON.parse(joined.data) as RowData
  const later = joined.outcome === null ? undefined : (JSON.parse(joined.outcome) as RowData).row
  const isKnown = final === true || later !== undefined
  return {
    ...row,
    ...later,
    outcome: isKnown ? "known" : joined.seq < startSeq ? "unknown" : "pending",
    hash: joined.hash,
    previousHash: joined.previous ?? "",
    outcomeHash: joined.outcome_hash,
  }
}
