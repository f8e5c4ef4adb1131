import type {
  ChainHead,
  FollowOptions,
  FollowedRow,
  LedgerFilter,
  LedgerPage,
  LedgerQuery,
  LedgerRow,
  RecordedRow,
  RunSummary,
  Verification,
  VerifyOptions,
} from "@mayfly/protocol"
import { exportRows } from "./export-rows.ts"
import { followChanges, type ReadRow } from "./follow-changes.ts"
import type { ExportFormat, Ledger } from "./ledger.ts"
import type { NewEntry } from "./ledger-procedures.ts"
import { attemptsSql, checkQuery, parseCursor, type Sql } from "./ledger-query.ts"
import { type LedgerOptions, type OpenedLedger, openLedger, readHead } from "./open-ledger.ts"
import { OutcomeQueue } from "./outcome-queue.ts"
import { type JoinedRow, toRecordedRow } from "./recorded-row.ts"
import { Retention } from "./retention.ts"
import { summarizeRun } from "./summarize-run.ts"
import { tidyRow } from "./tidy-row.ts"
import { verifyChain } from "./verify-chain.ts"

/** A ledger in a store. Nothing is opened before the first use. */
export function createLedger(options: LedgerOptions): Ledger {
  return new StoreLedger(options)
}

const pageSize = 500

class StoreLedger implements Ledger {
  readonly #options: LedgerOptions
  readonly #outcomes: OutcomeQueue
  readonly #retention: Retention
  #opening: Promise<OpenedLedger> | undefined
  #closed: Promise<void> | undefined

  constructor(options: LedgerOptions) {
    const { onError = () => {} } = options
    this.#options = options
    this.#outcomes = new OutcomeQueue((entry) => this.#append(entry), onError)
    this.#retention = new Retention(options, { open: () => this.#open(), onError })
  }

  async begin(row: LedgerRow): Promise<void> {
    const tidy = tidyRow(row)
    // What is refused is over at once.
    const isFinal = tidy.decision === "deny"
    const { seq } = await this.#append(attemptOf(tidy, isFinal))
    if (!isFinal) this.#outcomes.expect(row.id, seq)
  }

  end(row: LedgerRow): void {
    const tidy = tidyRow(row)
    const { decision } = tidy
    const entry: NewEntry = { ...blank, kind: "outcome", at: Date.now(), decision, data: JSON.stringify({ row: tidy }) }
    this.#outcomes.record(row.id, entry, { wholeRow: attemptOf(tidy, true), isRefused: decision === "deny" })
  }

  async query(query: LedgerQuery = {}): Promise<LedgerPage> {
    checkQuery(query)
    const { cursor, limit = 100 } = query
    const before = cursor === undefined ? {} : { before: parseCursor(cursor) }
    // Read first: what comes between is then on the page, and followed once more.
    const { seq } = await readHead((await this.#open()).tables)
    const rows = await this.#read(attemptsSql(query, { ...before, limit: limit + 1 }))
    const shown = rows.slice(0, limit)
    const last = rows.length > limit ? shown.at(-1) : undefined
    return {
      rows: shown.map(({ row }) => row),
      next: last === undefined ? null : String(last.entry),
      latest: String(seq),
    }
  }

  async *follow({ cursor, signal, ...filter }: FollowOptions = {}): AsyncGenerator<FollowedRow> {
    checkQuery(filter)
    const given = cursor === undefined ? undefined : parseCursor(cursor)
    const { tables, heads } = await this.#open()
    const headSeq = async (): Promise<number> => (await readHead(tables)).seq
    const source = { heads, headSeq, read: (sql: Sql) => this.#read(sql) }
    for await (const { entry, row } of followChanges(source, filter, { after: given ?? (await headSeq()), signal })) {
      yield { row, cursor: String(entry) }
    }
  }

  export(format: ExportFormat, filter: LedgerFilter = {}): AsyncIterable<string> {
    checkQuery(filter)
    return exportRows(format, this.#pages(filter))
  }

  async verify(options: VerifyOptions = {}): Promise<Verification> {
    const { tables, anchor } = await this.#open()
    return verifyChain(tables, anchor.read(), options)
  }

  async summary(runId: string): Promise<RunSummary> {
    checkQuery({ run: runId })
    return summarizeRun(runId, this.#pages({ run: runId }))
  }

  prune(before: number): Promise<number> {
    return this.#retention.prune(before)
  }

  close(): Promise<void> {
    return (this.#closed ??= this.#close())
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  async #close(): Promise<void> {
    this.#retention.stop()
    await this.#outcomes.idle()
    if (this.#opening !== undefined && this.#options.readOnly !== true) await (await this.#opening).heads.writeAnchor()
  }

  async #append(entry: NewEntry): Promise<ChainHead> {
    const { tables, heads } = await this.#open()
    const head = await tables.call("append", entry)
    heads.advance(head)
    this.#retention.appended()
    return head
  }

  async #read({ sql, parameters }: Sql): Promise<readonly ReadRow[]> {
    const { tables, startSeq } = await this.#open()
    const rows = await tables.read<JoinedRow>(sql, parameters)
    return rows.map((joined) => ({ entry: joined.entry, row: toRecordedRow(joined, startSeq) }))
  }

  /** Oldest first. */
  async *#pages(filter: LedgerFilter): AsyncGenerator<readonly RecordedRow[]> {
    for (let after = 0; ;) {
      const rows = await this.#read(attemptsSql(filter, { after, limit: pageSize }))
      if (rows.length > 0) yield rows.map(({ row }) => row)
      if (rows.length < pageSize) return
      after = rows.at(-1)?.entry ?? after
    }
  }

  async #open(): Promise<OpenedLedger> {
    this.#opening ??= openLedger(this.#options).then((opened) => {
      this.#retention.start()
      return opened
    })
    try {
      return await this.#opening
    } catch (error) {
      // What stood in the way may be gone next time.
      this.#opening = undefined
      throw error
    }
  }
}

const blank = { attempt: null, tenant: null, run_id: null, origin: null, decision: null }

function attemptOf(row: LedgerRow, isFinal: boolean): NewEntry {
  const { tenant, runId, origin, decision } = row
  const data = JSON.stringify(isFinal ? { row, final: true } : { row })
  return { kind: "attempt", attempt: null, at: Date.now(), tenant, run_id: runId, origin, decision, data }
}
