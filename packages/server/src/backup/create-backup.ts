import { existsSync } from "node:fs"
import { mkdir, readdir, rename, rm } from "node:fs/promises"
import { join, resolve } from "node:path"
import { DatabaseSync } from "node:sqlite"
import { MayflyError } from "@mayfly/protocol"
import { type DataDirectory, directoryOwner, openDataDirectory } from "@mayfly/platform"
import { copyTree } from "./copy-tree.ts"
import { filesIn, type Manifest, writeManifest } from "./manifest.ts"

const database = "mayfly.db"
/** Of a process that lives; and what SQLite keeps beside a database, which the copy does not need. */
const passing = /^(lock.*|owner\.sock|mayfly\.db(-wal|-shm|-journal)?)$/
/** In use while a server runs: a copy would be of no single moment. */
const inUse = ["objects", "sandboxes"]

/**
 * Copies a data directory to `target`, which must not exist. A server may own it meanwhile: rows are those of one moment then, and what stands in `leftOut` is
 * not in the copy. Nothing is left of one that fails. Throws `input.invalid`.
 */
export async function createBackup(data: string, target: string): Promise<Manifest> {
  const from = resolve(data)
  const to = resolve(target)
  if (!existsSync(join(from, database))) throw invalid(`"${from}" is no data directory: there is no ${database}`)
  if (existsSync(to)) throw invalid(`"${to}" exists already, and is not overwritten`)
  using held = hold(from)
  const unfinished = `${to}.unfinished`
  await rm(unfinished, { recursive: true, force: true })
  try {
    await mkdir(unfinished, { recursive: true, mode: 0o700 })
    const leftOut = held === undefined ? inUse.filter((name) => existsSync(join(from, name))) : []
    await copyParts(from, unfinished, leftOut)
    const manifest: Manifest = { format: 1, createdAt: Date.now(), leftOut, files: await filesIn(unfinished) }
    await writeManifest(unfinished, manifest)
    await rename(unfinished, to)
    return manifest
  } catch (error) {
    await rm(unfinished, { recursive: true, force: true })
    throw error
  }
}

/** The directory when nobody else has it: all of it can be copied then. */
function hold(from: string): DataDirectory | undefined {
  if (directoryOwner(from) !== undefined) return undefined
  return openDataDirectory(from)
}

async function copyParts(from: string, to: string, leftOut: readonly string[]): Promise<void> {
  const names = (await readdir(from)).filter((name) => !passing.test(name) && !leftOut.includes(name))
  // The ledger's head and blobs before the rows: a head may be older than the chain and never newer, and a row's blob must be there.
  for (const name of names) await copyTree(join(from, name), join(to, name))
  copyDatabase(join(from, database), join(to, database))
  // Blobs that came between; those that went were nobody's any more.
  if (names.includes("blobs")) await copyTree(join(from, "blobs"), join(to, "blobs"))
}

/** All of one moment, without the write-ahead log. */
function copyDatabase(from: string, to: string): void {
  const opened = new DatabaseSync(from, { readOnly: true, timeout: 10_000 })
  try {
    opened.prepare("VACUUM INTO ?").run(to)
  } finally {
    opened.close()
  }
}

function invalid(problem: string): MayflyError {
  return new MayflyError("input.invalid", problem, { details: { path: "data" } })
}
