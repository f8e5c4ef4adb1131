import { closeSync, existsSync, mkdirSync, openSync } from "node:fs"
import { join, resolve } from "node:path"
import { MayflyError } from "@mayfly/protocol"
import type { BlobHash, Blobs } from "./blobs/blobs.ts"
import { FileBlobs, type KeptAmong } from "./blobs/file-blobs.ts"
import { MemoryBlobs } from "./blobs/memory-blobs.ts"
import { SqliteStore } from "./sqlite/sqlite-store.ts"
import type { Store } from "./store.ts"

export interface StoreOptions {
  /** The folder that holds the rows and the blobs; made when needed, for its owner only. None: all is kept in memory and gone at the end. */
  readonly directory?: string
  /** For a look at a store that another process owns. Default false. */
  readonly readOnly?: boolean
  /** Largest size of the rows; what would need more is `store.full`. Default: the disk. */
  readonly maxBytes?: number
  /** How long to wait for another process that writes; then `store.busy`. Default 5 s. */
  readonly busyMs?: number
  /** Transactions that may wait; one more is `store.queue-full`. Default 50,000. */
  readonly maxPending?: number
  /** What they may weigh together. Default 128 MiB. */
  readonly maxPendingBytes?: number
}

const fileName = "mayfly.db"
const maxHashes = 500

/** Opens a store. Its thread starts when the first owner attaches. Rejects with `store.not-found` when there is nothing to read, `input.invalid` for a folder that can't be used. */
export async function openStore(options: StoreOptions = {}): Promise<Store> {
  const { directory, readOnly: isReadOnly = false, maxBytes, busyMs = 5_000 } = options
  const { maxPending = 50_000, maxPendingBytes = 128 << 20 } = options
  const path = directory === undefined ? ":memory:" : prepareFile(resolve(directory), isReadOnly)
  const keptAmong: KeptAmong = (hashes) => keptBlobs(store, hashes)
  const blobs: Blobs =
    directory === undefined ? new MemoryBlobs(keptAmong) : new FileBlobs(join(resolve(directory), "blobs"), keptAmong)
  const store: Store = new SqliteStore({
    thread: { path, isReadOnly, maxBytes, busyMs },
    bounds: { maxPending, maxPendingBytes },
    blobs,
  })
  return store
}

function prepareFile(directory: string, isReadOnly: boolean): string {
  const path = join(directory, fileName)
  if (isReadOnly) {
    if (existsSync(path)) return path
    throw new MayflyError("store.not-found", `nothing is stored in "${directory}" yet`, { details: { directory } })
  }
  try {
    mkdirSync(directory, { recursive: true, mode: 0o700 })
    // Made here, so that nobody else may read it; SQLite gives its other files the same mode.
    closeSync(openSync(path, "a", 0o600))
    return path
  } catch (error) {
    const message = `the data directory "${directory}" can't be used: ${(error as Error).message}`
    throw new MayflyError("input.invalid", message, { details: { path: "dataDir" }, cause: error })
  }
}

async function keptBlobs(store: Store, hashes: readonly BlobHash[]): Promise<ReadonlySet<BlobHash>> {
  const tables = await store.attach({ name: "blobs", migrations: [] })
  const kept = new Set<BlobHash>()
  for (let start = 0; start < hashes.length; start += maxHashes) {
    const some = hashes.slice(start, start + maxHashes)
    const sql = `SELECT DISTINCT hash FROM store_blobs WHERE hash IN (${some.map(() => "?").join(", ")})`
    for (const { hash } of await tables.read<{ hash: BlobHash }>(sql, some)) kept.add(hash)
  }
  return kept
}
