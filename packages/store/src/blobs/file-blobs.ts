import { createHash, randomBytes } from "node:crypto"
import { createReadStream, existsSync } from "node:fs"
import { link, mkdir, open, readdir, readFile, rename, rm, stat, utimes } from "node:fs/promises"
import { join } from "node:path"
import { MayflyError } from "@mayfly/protocol"
import type { BlobHash, Blobs, CollectOptions } from "./blobs.ts"

const defaultGraceMs = 3_600_000
const temporaryPrefix = "new-"
const doomedSuffix = ".doomed"

/** Whether any row keeps one of these; gives those that are kept. */
export type KeptAmong = (hashes: readonly BlobHash[]) => Promise<ReadonlySet<BlobHash>>

/** Blobs as files: `ab/cdef…` below the folder, written beside, synced and renamed into place. */
export class FileBlobs implements Blobs {
  readonly #folder: string
  readonly #keptAmong: KeptAmong

  constructor(folder: string, keptAmong: KeptAmong) {
    this.#folder = folder
    this.#keptAmong = keptAmong
  }

  async put(bytes: Uint8Array | AsyncIterable<Uint8Array>): Promise<BlobHash> {
    if (bytes instanceof Uint8Array) {
      const hash = createHash("sha256").update(bytes).digest("hex")
      if (await this.#touch(hash)) return hash
    }
    await mkdir(this.#folder, { recursive: true, mode: 0o700 })
    const temporary = join(this.#folder, `${temporaryPrefix}${randomBytes(12).toString("hex")}`)
    try {
      const hash = await writeSynced(temporary, bytes)
      await this.#moveIntoPlace(temporary, hash)
      return hash
    } catch (error) {
      await rm(temporary, { force: true })
      throw fileError(error)
    }
  }

  async get(hash: BlobHash): Promise<Uint8Array | null> {
    const bytes = await readFile(this.#pathOf(hash)).catch(nullWhenMissing)
    if (bytes === null) return null
    check(hash, createHash("sha256").update(bytes).digest("hex"))
    return bytes
  }

  async stream(hash: BlobHash): Promise<AsyncIterable<Uint8Array> | null> {
    const path = this.#pathOf(hash)
    // Opened by whoever reads, so that a stream that nobody reads holds no file open.
    return (await stat(path).catch(nullWhenMissing)) === null ? null : checkedPieces(path, hash)
  }

  async collect({ graceMs = defaultGraceMs }: CollectOptions = {}): Promise<number> {
    const before = Date.now() - graceMs
    let collected = 0
    for (const name of await readdir(this.#folder).catch(emptyWhenMissing)) {
      if (/^[0-9a-f]{2}$/.test(name)) collected += await this.#collectFolder(name, before)
      // A writer that died left it.
      else if (name.startsWith(temporaryPrefix)) await removeIfOld(join(this.#folder, name), before)
    }
    return collected
  }

  async #collectFolder(prefix: string, before: number): Promise<number> {
    const names = await readdir(join(this.#folder, prefix))
    await this.#finishDoomed(prefix, names)
    const hashes = names.filter((name) => /^[0-9a-f]{62}$/.test(name)).map((name) => `${prefix}${name}`)
    let collected = 0
    for (let start = 0; start < hashes.length; start += 500) {
      const some = hashes.slice(start, start + 500)
      const kept = await this.#keptAmong(some)
      for (const hash of some) if (!kept.has(hash) && (await this.#remove(hash, before))) collected += 1
    }
    return collected
  }

  /** Somebody may store the same bytes at this very moment. Storing marks the time, so what is moved away is looked at once more. */
  async #remove(hash: BlobHash, before: number): Promise<boolean> {
    const path = this.#pathOf(hash)
    if (!(await isOlder(path, before))) return false
    const doomed = `${path}${doomedSuffix}`
    await rename(path, doomed)
    if (await isOlder(doomed, before)) {
      await rm(doomed, { force: true })
      return true
    }
    await restore(doomed, path)
    return false
  }

  /** A collector died between moving and looking. */
  async #finishDoomed(prefix: string, names: readonly string[]): Promise<void> {
    for (const name of names.filter((each) => each.endsWith(doomedSuffix))) {
      const path = join(this.#folder, prefix, name)
      await restore(path, path.slice(0, -doomedSuffix.length))
    }
  }

  /** False when there is no such blob. */
  async #touch(hash: BlobHash): Promise<boolean> {
    const now = new Date()
    return utimes(this.#pathOf(hash), now, now).then(
      () => true,
      () => false,
    )
  }

  async #moveIntoPlace(temporary: string, hash: BlobHash): Promise<void> {
    const folder = join(this.#folder, hash.slice(0, 2))
    if (!existsSync(folder)) {
      await mkdir(folder, { recursive: true, mode: 0o700 })
      await syncFolder(this.#folder)
    }
    await rename(temporary, this.#pathOf(hash))
    await syncFolder(folder)
  }

  #pathOf(hash: BlobHash): string {
    if (!/^[0-9a-f]{64}$/.test(hash)) throw new MayflyError("store.failed", `"${hash}" is not the hash of a blob`)
    return join(this.#folder, hash.slice(0, 2), hash.slice(2))
  }
}

async function writeSynced(path: string, bytes: Uint8Array | AsyncIterable<Uint8Array>): Promise<BlobHash> {
  const sum = createHash("sha256")
  const handle = await open(path, "wx", 0o600)
  try {
    for await (const piece of bytes instanceof Uint8Array ? [bytes] : bytes) {
      sum.update(piece)
      await handle.writeFile(piece)
    }
    await handle.sync()
  } finally {
    await handle.close()
  }
  return sum.digest("hex")
}

/** A renamed file is only safe when its folder is. */
async function syncFolder(path: string): Promise<void> {
  const handle = await open(path, "r")
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}

async function* checkedPieces(path: string, hash: BlobHash): AsyncGenerator<Uint8Array> {
  const sum = createHash("sha256")
  for await (const piece of createReadStream(path) as AsyncIterable<Uint8Array>) {
    sum.update(piece)
    yield piece
  }
  check(hash, sum.digest("hex"))
}

function check(wanted: BlobHash, found: BlobHash): void {
  if (wanted === found) return
  throw new MayflyError("store.corrupt", `blob ${wanted} is damaged: its bytes have the hash ${found}`)
}

async function isOlder(path: string, before: number): Promise<boolean> {
  const found = await stat(path).catch(nullWhenMissing)
  return found !== null && found.mtimeMs < before
}

async function removeIfOld(path: string, before: number): Promise<void> {
  if (await isOlder(path, before)) await rm(path, { force: true })
}

/** Unless a new one has taken its place. */
async function restore(from: string, to: string): Promise<void> {
  await link(from, to).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== "EEXIST") throw error
  })
  await rm(from, { force: true })
}

function nullWhenMissing(error: NodeJS.ErrnoException): null {
  if (error.code === "ENOENT") return null
  throw fileError(error)
}

function emptyWhenMissing(error: NodeJS.ErrnoException): string[] {
  if (error.code === "ENOENT") return []
  throw fileError(error)
}

function fileError(error: unknown): unknown {
  const { code, message } = error as NodeJS.ErrnoException
  if (error instanceof MayflyError || code === undefined) return error
  const isFull = code === "ENOSPC" || code === "EDQUOT" || code === "EFBIG"
  return new MayflyError(isFull ? "store.full" : "store.failed", `a blob can't be stored or read: ${message}`, {
    cause: error,
  })
}
