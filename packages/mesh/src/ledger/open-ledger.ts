import type { ChainHead } from "@mayfly/protocol"
import type { Store, Tables } from "@mayfly/store"
import { type Anchor, fileAnchor, noAnchor } from "./anchor.ts"
import { genesisHash } from "./chain.ts"
import { HeadKeeper } from "./head-keeper.ts"
import type { procedures } from "./ledger-procedures.ts"
import { ledgerOwner } from "./ledger-tables.ts"

export interface LedgerOptions {
  /** Gives the store, when the ledger is first used; it is asked again after a failure. Its owner closes it, after the ledger. */
  readonly store: () => Promise<Store>
  /** The folder of the store, for the anchor. None for a store in memory. */
  readonly directory?: string
  /** For a look at a ledger that another process may be writing. Default false. */
  readonly readOnly?: boolean
  /** Whether nobody writes it: then what is pending will stay unknown. Default false. */
  readonly ownerIsGone?: boolean
  /** Rows older than this are forgotten, within the hour. Default: never. */
  readonly retainForMs?: number
  /** About how many entries stay. Default: all. */
  readonly retainEntries?: number
  /** Told of what could not be recorded and has nobody to tell: outcomes, anchors, forgetting. */
  readonly onError?: (error: unknown) => void
}

/** The parts of a ledger that is in use. */
export interface OpenedLedger {
  readonly tables: Tables<typeof procedures>
  readonly anchor: Anchor
  readonly heads: HeadKeeper
  /** Attempts before this entry were made by processes that are gone. */
  readonly startSeq: number
}

/** Attaches to the store; a writer notes in the chain that it has begun. Rejects with what the store says. */
export async function openLedger(options: LedgerOptions): Promise<OpenedLedger> {
  const { directory, readOnly: isReadOnly = false, ownerIsGone = false, onError = () => {} } = options
  const tables = await (await options.store()).attach<typeof procedures>(ledgerOwner)
  const anchor = directory === undefined ? noAnchor : fileAnchor(directory, { isReadOnly })
  if (isReadOnly) {
    const startSeq = ownerIsGone ? Infinity : await lastStart(tables)
    return { tables, anchor, heads: new HeadKeeper(await readHead(tables), anchor, onError), startSeq }
  }
  const head = await start(tables, anchor)
  const heads = new HeadKeeper(head, anchor, onError)
  await heads.writeAnchor()
  return { tables, anchor, heads, startSeq: head.seq }
}

async function start(tables: Tables<typeof procedures>, anchor: Anchor): Promise<ChainHead> {
  const { seq } = await readHead(tables)
  let found = anchor.read()
  if (found === "missing" && seq === 0) {
    // Before the first entry, so that a crash can't leave entries without an anchor: that is what tampering looks like.
    await anchor.write({ seq: 0, hash: genesisHash })
    found = anchor.read()
  }
  return (await tables.call("start", { anchor: found, at: Date.now() })).head
}

/** What the chain ends with. */
export async function readHead(tables: Tables<typeof procedures>): Promise<ChainHead> {
  const sql = `SELECT seq, hash FROM (SELECT seq, hash FROM ledger_entries UNION ALL SELECT seq, hash FROM ledger_base)
    ORDER BY seq DESC LIMIT 1`
  const [head] = await tables.read<ChainHead>(sql)
  return head ?? { seq: 0, hash: genesisHash }
}

async function lastStart(tables: Tables<typeof procedures>): Promise<number> {
  const [last] = await tables.read<{ seq: number | null }>(
    "SELECT max(seq) AS seq FROM ledger_entries WHERE kind = 'start'",
  )
  return last?.seq ?? 0
}
