import type { LedgerFilter, RecordedRow } from "@mayfly/protocol"
import type { HeadKeeper } from "./head-keeper.ts"
import { changesSql, type Sql } from "./ledger-query.ts"

const pageSize = 200

export interface ReadRow {
  /** Where the change stands in the chain. */
  readonly entry: number
  readonly row: RecordedRow
}

export interface ChangeSource {
  readonly heads: HeadKeeper
  read(sql: Sql): Promise<readonly ReadRow[]>
  headSeq(): Promise<number>
}

/** Changes behind `after`, as they come, until the signal fires. Holds one page, whatever the speed of its reader. */
export async function* followChanges(
  source: ChangeSource,
  filter: LedgerFilter,
  { after, signal }: { after: number; signal: AbortSignal | undefined },
): AsyncGenerator<ReadRow> {
  let at = after
  const isOver = (): boolean => signal?.aborted ?? false
  while (!isOver()) {
    // Asked first: up to here nothing can have been missed when the page is short.
    const head = await source.headSeq()
    const rows = head > at ? await source.read(changesSql(filter, { after: at, upTo: head, limit: pageSize })) : []
    for (const row of rows) {
      at = row.entry
      yield row
      if (isOver()) return
    }
    if (rows.length === pageSize) continue
    at = Math.max(at, head)
    await source.heads.newerThan(at, signal)
  }
}
