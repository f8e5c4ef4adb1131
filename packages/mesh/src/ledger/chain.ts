import { hash as digestOf } from "node:crypto"

/** What an entry says, all of it hashed. */
export interface EntryContent {
  readonly seq: number
  readonly kind: "attempt" | "outcome" | "start" | "prune"
  /** Of an outcome: the `seq` of its attempt. */
  readonly attempt: number | null
  /** When it was recorded; never less than that of the entry before. */
  readonly at: number
  readonly tenant: string | null
  readonly run_id: string | null
  readonly origin: string | null
  readonly decision: string | null
  /** JSON. */
  readonly data: string
}

/** An entry with the hash of it and all before it. */
export interface Entry extends EntryContent {
  readonly hash: string
}

/** What the first entry of all stands on. */
export const genesisHash = "0".repeat(64)
const version = 1

/**
 * The hash of an entry, given that of the entry before. Hashed in two steps, so that an entry's contents may one day be erased on demand while its
 * digest stays and the chain still verifies.
 */
export function chainHash(previousHash: string, entry: EntryContent): string {
  const { seq, kind, attempt, at, tenant, run_id: runId, origin, decision, data } = entry
  const columns = JSON.stringify([version, seq, kind, attempt, at, tenant, runId, origin, decision])
  return digestOf("sha256", previousHash + digestOf("sha256", `${columns}\n${data}`))
}
