import type { Statement } from "../steps.ts"

/** The SHA-256 of a blob's bytes, 64 lower-case hex digits. */
export type BlobHash = string

/** Large values, stored once each under the hash of their bytes. */
export interface Blobs {
  /**
   * Resolves when the bytes are on disk. Storing the same bytes again is safe and cheap. Unless a row of `keepBlob` names it, a blob may be
   * collected an hour later.
   */
  put(bytes: Uint8Array | AsyncIterable<Uint8Array>): Promise<BlobHash>
  /** Null when there is none. Rejects with `store.corrupt` when the bytes are not those that were stored. */
  get(hash: BlobHash): Promise<Uint8Array | null>
  /** As `get`, piece by piece; damage is found at the end, as a rejection. Null when there is none. */
  stream(hash: BlobHash): Promise<AsyncIterable<Uint8Array> | null>
  /** Deletes blobs that no row keeps and that are old enough; gives how many. */
  collect(options?: CollectOptions): Promise<number>
}

export interface CollectOptions {
  /** Blobs younger than this stay: whoever stored one may be about to name it. Default one hour. */
  readonly graceMs?: number
}

/** Names a blob in the owner's own transaction, so that row and reference come or fail together. Keeping twice is safe. */
export function keepBlob(owner: string, name: string, hash: BlobHash): Statement {
  const sql = "INSERT INTO store_blobs (hash, owner, name) VALUES (?, ?, ?) ON CONFLICT DO NOTHING"
  return { sql, parameters: [hash, owner, name] }
}

/** Lets go of all blobs that the owner keeps under a name. */
export function releaseBlobs(owner: string, name: string): Statement {
  return { sql: "DELETE FROM store_blobs WHERE owner = ? AND name = ?", parameters: [owner, name] }
}
