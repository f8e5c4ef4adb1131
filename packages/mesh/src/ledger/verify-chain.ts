import type { ChainHead, ChainProblem, Verification, VerifyOptions } from "@mayfly/protocol"
import type { Tables } from "@mayfly/store"
import { chainHash, type Entry } from "./chain.ts"
import type { FoundAnchor } from "./ledger-procedures.ts"
import type { RowData } from "./recorded-row.ts"

const pageSize = 1_000
const maxTries = 5

/** Recomputes the chain from its base to its end, a page at a time. The anchor must have been read before, since the chain may grow meanwhile. */
export async function verifyChain(tables: Tables, anchor: FoundAnchor, options: VerifyOptions): Promise<Verification> {
  for (let tries = 1; ; tries++) {
    const base = await readBase(tables)
    const walk = new ChainWalk(base, anchor, options)
    const result = await walk.run(tables)
    if (result.ok || tries === maxTries || (await readBase(tables)).seq === base.seq) return result
    // Entries were forgotten in the middle of reading them: that is no break.
  }
}

class ChainWalk {
  readonly #base: ChainHead
  readonly #options: VerifyOptions
  readonly #anchor: FoundAnchor
  /** Places that the chain must contain, with what it means when it does not. */
  readonly #wanted: Map<number, { readonly hash: string; readonly what: string }>
  #head: ChainHead
  #entries = 0
  #rows = 0
  /** The latest entry that says which base the chain has. */
  #statedBase: ChainHead
  #problem: ChainProblem | undefined

  constructor(base: ChainHead, anchor: FoundAnchor, options: VerifyOptions) {
    this.#base = base
    this.#head = base
    this.#statedBase = { seq: 0, hash: "0".repeat(64) }
    this.#anchor = anchor
    this.#options = options
    this.#wanted = new Map()
    if (typeof anchor === "object") this.#wanted.set(anchor.seq, { hash: anchor.hash, what: "the anchor" })
    const { expect } = options
    if (expect !== undefined) this.#wanted.set(expect.seq, { hash: expect.hash, what: "the head that is expected" })
  }

  async run(tables: Tables): Promise<Verification> {
    this.#checkWanted(this.#base)
    for (;;) {
      this.#options.signal?.throwIfAborted()
      const page = await tables.read<Entry>("SELECT * FROM ledger_entries WHERE seq > ? ORDER BY seq LIMIT ?", [
        this.#head.seq,
        pageSize,
      ])
      for (const entry of page) {
        this.#check(entry)
        if (this.#problem !== undefined) return { ok: false, entries: this.#entries, problem: this.#problem }
      }
      if (page.length === 0) return this.#finish()
    }
  }

  #check(entry: Entry): void {
    const next = this.#head.seq + 1
    if (entry.seq !== next) return this.#fail("missing", next, null, `entries ${next} to ${entry.seq - 1} are gone`)
    if (chainHash(this.#head.hash, entry) !== entry.hash) {
      return this.#fail("changed", entry.seq, entry, `entry ${entry.seq} is not what was written`)
    }
    this.#head = { seq: entry.seq, hash: entry.hash }
    this.#entries += 1
    if (entry.kind === "attempt" && this.#isShown(entry)) this.#rows += 1
    if (entry.kind === "prune") this.#statedBase = (JSON.parse(entry.data) as { base: ChainHead }).base
    if (entry.kind === "start") this.#checkStart(entry)
    this.#checkWanted(this.#head)
  }

  #checkStart({ seq, data, at }: Entry): void {
    const { problem } = JSON.parse(data) as { problem?: string }
    if (problem === undefined) return
    this.#fail("found-at-start", seq, null, `the start at ${new Date(at).toISOString()} found: ${problem}`)
  }

  #checkWanted({ seq, hash }: ChainHead): void {
    const wanted = this.#wanted.get(seq)
    if (wanted === undefined) return
    this.#wanted.delete(seq)
    if (wanted.hash !== hash) this.#fail("changed", seq, null, `entry ${seq} is not the one that ${wanted.what} names`)
  }

  #finish(): Verification {
    const { seq } = this.#head
    if (this.#problem === undefined) this.#checkEnds(seq)
    if (this.#problem !== undefined) return { ok: false, entries: this.#entries, problem: this.#problem }
    return { ok: true, entries: this.#entries, rows: this.#rows, head: this.#head }
  }

  #checkEnds(seq: number): void {
    for (const [wanted, { what }] of this.#wanted) {
      // What was forgotten on purpose can't be compared any more.
      if (wanted < this.#base.seq) continue
      return this.#fail("truncated", seq + 1, null, `entries ${seq + 1} to ${wanted} are gone: ${what} names them`)
    }
    const { seq: stated, hash } = this.#statedBase
    if (stated !== this.#base.seq || hash !== this.#base.hash) {
      const message = `the chain says that it starts behind entry ${stated}, and starts behind ${this.#base.seq}`
      return this.#fail("missing", this.#base.seq + 1, null, message)
    }
    if (this.#anchor === "missing" && seq > 0)
      return this.#fail("anchor", seq, null, "the file that remembers the head of the ledger is gone")
    if (this.#anchor === "forged")
      this.#fail("anchor", seq, null, "the file that remembers the head of the ledger was not written by this ledger")
  }

  #fail(kind: ChainProblem["kind"], seq: number, entry: Entry | null, message: string): void {
    this.#problem ??= { kind, seq, id: entry === null || !this.#isShown(entry) ? null : idOf(entry), message }
  }

  /** Whether a caller who asked about one tenant may see more of an entry than its number. */
  #isShown({ tenant }: Entry): boolean {
    return this.#options.tenant === undefined || this.#options.tenant === tenant
  }
}

function idOf({ data }: Entry): string | null {
  try {
    const { row } = JSON.parse(data) as RowData
    return typeof row.id === "string" ? row.id : null
  } catch {
    return null
  }
}

async function readBase(tables: Tables): Promise<ChainHead> {
  const [base] = await tables.read<ChainHead>("SELECT seq, hash FROM ledger_base")
  return base ?? { seq: 0, hash: "" }
}
