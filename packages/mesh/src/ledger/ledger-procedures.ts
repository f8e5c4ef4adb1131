import type { ChainHead } from "@mayfly/protocol"
import { all, first, run, type Steps } from "@mayfly/store/steps"
import { chainHash, type EntryContent } from "./chain.ts"

export type NewEntry = Omit<EntryContent, "seq">

/** What the anchor says at the start: a place in the chain, or why there is none. */
export type FoundAnchor = ChainHead | "missing" | "forged"

export interface Started {
  readonly head: ChainHead
  /** What was wrong when the ledger was opened, null when all was well. */
  readonly problem: string | null
}

export interface Pruned {
  readonly entries: number
  readonly head: ChainHead
}

interface Head extends ChainHead {
  readonly at: number
}

/** These run in the thread that holds the database, each as one transaction: nothing comes between reading the head and writing behind it. */
export const procedures = {
  /** Gives where the entry stands. */
  *append(entry: NewEntry): Steps<ChainHead> {
    return yield* append(yield* readHead(), entry)
  },

  /**
   * Notes that a process has begun to write: what is pending from before will never be known. And what the anchor has to say: were it only compared,
   * the next anchor would hide that entries are gone.
   */
  *start({ anchor, at }: { readonly anchor: FoundAnchor; readonly at: number }): Steps<Started> {
    const head = yield* readHead()
    const problem = yield* compare(anchor, head)
    const data = JSON.stringify(problem === null ? {} : { problem })
    return { head: yield* append(head, { ...blank, kind: "start", at, data }), problem }
  },

  /** Forgets entries from before a time, at most so many of them, never the last one. */
  *prune({ before, at, most }: { readonly before: number; readonly at: number; readonly most: number }): Steps<Pruned> {
    const base = yield* readBase()
    const kept = yield* first<{ seq: number }>(
      "SELECT seq FROM ledger_entries WHERE at >= ? ORDER BY at, seq LIMIT 1",
      before,
    )
    const head = yield* readHead()
    return yield* pruneTo(Math.min((kept?.seq ?? head.seq) - 1, base.seq + most), { base, head, at })
  },

  /** Keeps about the last so many entries. */
  *keepLast({ count, at }: { readonly count: number; readonly at: number }): Steps<Pruned> {
    const head = yield* readHead()
    return yield* pruneTo(head.seq - count, { base: yield* readBase(), head, at })
  },
}

const blank = { attempt: null, tenant: null, run_id: null, origin: null, decision: null }

function* append(head: Head, entry: NewEntry): Steps<ChainHead> {
  const seq = head.seq + 1
  // The clock may be set back; the order of time must stay that of the chain, so that times can be looked up.
  const content = { ...entry, seq, at: Math.max(head.at, entry.at) }
  const hash = chainHash(head.hash, content)
  const { kind, attempt, at, tenant, run_id: runId, origin, decision, data } = content
  yield* run(
    "INSERT INTO ledger_entries (seq, kind, attempt, at, tenant, run_id, origin, decision, data, hash) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
    seq,
    kind,
    attempt,
    at,
    tenant,
    runId,
    origin,
    decision,
    data,
    hash,
  )
  return { seq, hash }
}

function* readHead(): Steps<Head> {
  const head = yield* first<Head>("SELECT seq, at, hash FROM ledger_entries ORDER BY seq DESC LIMIT 1")
  return head ?? { ...(yield* readBase()), at: 0 }
}

function* readBase(): Steps<ChainHead> {
  const [base] = yield* all<ChainHead>("SELECT seq, hash FROM ledger_base")
  if (base === undefined) throw new Error("the ledger has no base")
  return base
}

function* compare(anchor: FoundAnchor, head: Head): Steps<string | null> {
  if (anchor === "forged") return "the file that remembers the head of the ledger was not written by this ledger"
  // Written before the first entry, so it may only be missing when there is none.
  if (anchor === "missing") return head.seq === 0 ? null : "the file that remembers the head of the ledger was gone"
  if (anchor.seq > head.seq) return `entries ${head.seq + 1} to ${anchor.seq} were gone from the end`
  const base = yield* readBase()
  if (anchor.seq < base.seq) return null
  const entry = yield* first<{ hash: string }>("SELECT hash FROM ledger_entries WHERE seq = ?", anchor.seq)
  const found = anchor.seq === base.seq ? base.hash : entry?.hash
  return found === anchor.hash ? null : `entry ${anchor.seq} was not the one that was written`
}

interface Ends {
  readonly base: ChainHead
  readonly head: Head
  readonly at: number
}

/** The base becomes what the first entry that stays stands on; an entry of its own says so in the chain. */
function* pruneTo(wanted: number, { base, head, at }: Ends): Steps<Pruned> {
  const last = Math.min(wanted, head.seq - 1)
  if (last <= base.seq) return { entries: 0, head }
  const entry = yield* first<{ hash: string }>("SELECT hash FROM ledger_entries WHERE seq = ?", last)
  // A chain with a hole stays as it is: it is evidence.
  if (entry === undefined) return { entries: 0, head }
  const entries = yield* run("DELETE FROM ledger_entries WHERE seq <= ?", last)
  yield* run("UPDATE ledger_base SET seq = ?, hash = ? WHERE one = 1", last, entry.hash)
  const data = JSON.stringify({ base: { seq: last, hash: entry.hash }, entries })
  return { entries, head: yield* append(head, { ...blank, kind: "prune", at, data }) }
}
