import { once } from "node:events"
import { chmodSync, existsSync } from "node:fs"
import { mkdir, readdir, rename, rm } from "node:fs/promises"
import { connect } from "node:net"
import { join, resolve } from "node:path"
import { DatabaseSync } from "node:sqlite"
import { MayflyError } from "@mayfly/protocol"
import { type DataDirectory, directoryOwner, openDataDirectory } from "@mayfly/platform"
import { ownerSocketName, removeTree } from "@mayfly/store"
import { copyFiles } from "./copy-files.ts"
import { copyInUse } from "./copy-in-use.ts"
import { entriesIn, filesIn, type Manifest, writeManifest } from "./manifest.ts"

export interface BackupOptions {
  /** Leave out `secrets.key`: whoever has the backup alone can read no secret. Default false. */
  readonly withoutKey?: boolean
  /** Called now and then with what is copied next. */
  readonly onProgress?: (what: string) => void
}

const database = "mayfly.db"
const keyFile = "secrets.key"
/** Of a process that lives; and what SQLite keeps beside a database, which the copy does not need. */
const passing = /^(lock.*|owner\.sock|mayfly\.db(-wal|-shm|-journal)?)$/
/** What changes while a server runs. */
const inUse = ["objects", "sandboxes"]

/**
 * Copies a data directory to `target`, which must not exist. A server may own it meanwhile: rows are those of one moment then, and so is each sandbox and each object,
 * a little later. What could not be had stands in `leftOut`. Nothing is left of one that fails. Throws `input.invalid`, `platform.data-dir-in-use`, `store.full`.
 */
export async function createBackup(data: string, target: string, options: BackupOptions = {}): Promise<Manifest> {
  const from = resolve(data)
  const to = resolve(target)
  if (!existsSync(join(from, database))) throw invalid(`"${from}" is no data directory: there is no ${database}`)
  if (existsSync(to)) throw invalid(`"${to}" exists already, and is not overwritten`)
  if (`${to}/`.startsWith(`${from}/`)) throw invalid(`"${to}" is in the data directory itself`)
  using held = await hold(from)
  const unfinished = `${to}.unfinished`
  await removeTree(unfinished)
  try {
    await mkdir(unfinished, { recursive: true, mode: 0o700 })
    const leftOut = await copyParts(from, unfinished, { ...options, isInUse: held === undefined })
    options.onProgress?.("checking")
    leftOut.push(...(await removeOddities(unfinished)))
    const manifest: Manifest = { format: 1, createdAt: Date.now(), leftOut, files: await filesIn(unfinished) }
    await writeManifest(unfinished, manifest)
    await rename(unfinished, to)
    return manifest
  } catch (error) {
    await removeTree(unfinished)
    throw error
  }
}

/** The directory when nobody else has it: all of it can be copied then. */
async function hold(from: string): Promise<DataDirectory | undefined> {
  if (directoryOwner(from) !== undefined || (await listens(join(from, ownerSocketName)))) return undefined
  return openDataDirectory(from)
}

/** An owner in another container can't be seen by its number, and does not look alive. */
async function listens(path: string): Promise<boolean> {
  const socket = connect(path)
  try {
    await once(socket, "connect")
    return true
  } catch {
    return false
  } finally {
    socket.destroy()
  }
}

async function copyParts(
  from: string,
  to: string,
  { isInUse, withoutKey = false, onProgress = () => {} }: BackupOptions & { readonly isInUse: boolean },
): Promise<string[]> {
  const unwanted = withoutKey ? [keyFile] : []
  const all = (await readdir(from)).filter((name) => !passing.test(name) && !unwanted.includes(name))
  const leftOut = unwanted.filter((name) => existsSync(join(from, name)))
  const copy = async (names: readonly string[]): Promise<void> => {
    leftOut.push(...(await copyFiles(pathsOf(from, names), to)))
  }
  // The ledger's head and blobs before the rows: a head may be older than the chain and never newer, and a row's blob must be there.
  onProgress("rows")
  await copy(all.filter((name) => !inUse.includes(name)))
  copyDatabase(join(from, database), join(to, database))
  // Blobs that came between; those that went were nobody's any more.
  await copy(all.filter((name) => name === "blobs"))
  // After the rows: a step that they don't know of is done again, one that they know of would not be.
  const changing = all.filter((name) => inUse.includes(name))
  if (!isInUse) await copy(changing)
  // The owner is a program of the user's, which nobody can ask.
  else if (!existsSync(join(from, ownerSocketName))) leftOut.push(...changing)
  else leftOut.push(...(await copyInUse(from, to, { onProgress })))
  return leftOut
}

function pathsOf(folder: string, names: readonly string[]): string[] {
  return names.map((name) => join(folder, name))
}

/** A process of a guest's may have made a link or a pipe where none of ours are, to have a restore refused. */
async function removeOddities(folder: string): Promise<string[]> {
  const odd: string[] = []
  for await (const { path, kind } of entriesIn(folder)) if (kind === "other") odd.push(path)
  for (const path of odd) await rm(join(folder, path))
  return odd
}

/** All of one moment, without the write-ahead log. */
function copyDatabase(from: string, to: string): void {
  const opened = new DatabaseSync(from, { readOnly: true, timeout: 10_000 })
  try {
    opened.prepare("VACUUM INTO ?").run(to)
    chmodSync(to, 0o600)
  } finally {
    opened.close()
  }
}

function invalid(problem: string): MayflyError {
  return new MayflyError("input.invalid", problem, { details: { path: "data" } })
}
