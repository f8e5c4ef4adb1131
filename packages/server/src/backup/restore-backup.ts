import { existsSync } from "node:fs"
import { chmod, lchown, lstat, mkdir, readdir, rename, rm, rmdir, stat } from "node:fs/promises"
import { join, resolve } from "node:path"
import { DatabaseSync } from "node:sqlite"
import { MayflyError } from "@mayfly/protocol"
import { removeTree } from "@mayfly/store"
import { copyFiles } from "./copy-files.ts"
import { checkBackup, entriesIn, type Manifest, manifestName } from "./manifest.ts"

/**
 * Makes a data directory of a backup, for the user who does so alone. Every file is compared with the manifest, and the database looked through, before anything takes
 * the directory's place, which must be free. Throws `input.invalid`, `store.full`; nothing is left then.
 */
export async function restoreBackup(backup: string, data: string): Promise<Manifest> {
  const from = resolve(backup)
  const to = resolve(data)
  await checkPlace(to)
  await checkEntries(from)
  await checkBackup(from)
  const unfinished = `${to}.unfinished`
  await removeTree(unfinished)
  try {
    await mkdir(unfinished, { recursive: true, mode: 0o700 })
    const names = await readdir(from)
    const unread = await copyFiles(
      names.map((name) => join(from, name)),
      unfinished,
    )
    if (unread[0] !== undefined) throw invalid(`"${unread[0]}" can't be read by this user`)
    // Once more: it is the copy that will be used.
    await checkEntries(unfinished)
    const manifest = await checkBackup(unfinished)
    checkDatabase(join(unfinished, "mayfly.db"))
    await rm(join(unfinished, manifestName))
    await makePrivate(unfinished)
    if (existsSync(to)) await rmdir(to)
    await rename(unfinished, to)
    return manifest
  } catch (error) {
    await removeTree(unfinished)
    throw error
  }
}

async function checkPlace(to: string): Promise<void> {
  if (!existsSync(to)) return
  if ((await readdir(to)).length > 0) throw invalid(`"${to}" is not empty, and is not overwritten`)
  const { uid } = await stat(to)
  const own = process.geteuid?.()
  if (own !== undefined && uid !== own)
    throw invalid(`"${to}" is user ${uid}'s: restore as that user, who could not read it otherwise`)
}

/** A backup that somebody has changed must lead to no other file, and be nothing but files. */
async function checkEntries(folder: string): Promise<void> {
  try {
    if (!(await lstat(folder)).isDirectory()) throw invalid(`"${folder}" is no folder`)
    for await (const { path, kind } of entriesIn(folder))
      if (kind === "other") throw invalid(`"${folder}" is no whole backup: "${path}" is neither a file nor a folder`)
  } catch (error) {
    if (error instanceof MayflyError) throw error
    throw invalid(`"${folder}" can't be read: ${(error as Error).message}`)
  }
}

/** Guests' own files keep their modes and owners; sandboxes have to read what else is below `sandboxes`, which nobody else can enter. */
async function makePrivate(folder: string): Promise<void> {
  const [uid, gid] = [process.geteuid?.(), process.getegid?.()]
  for await (const { path, kind } of entriesIn(folder)) {
    if (kind === "guest-folder") continue
    const full = join(folder, path)
    const found = await stat(full)
    if (uid !== undefined && gid !== undefined && (found.uid !== uid || found.gid !== gid)) await lchown(full, uid, gid)
    const own = kind === "folder" ? 0o700 : 0o600
    await chmod(full, found.mode & (path.startsWith("sandboxes/") ? 0o755 : own))
  }
}

function checkDatabase(path: string): void {
  const problems = problemsOf(path)
  if (problems.length > 0) throw invalid(`the backup's database is damaged: ${problems.slice(0, 5).join("; ")}`)
}

function problemsOf(path: string): string[] {
  try {
    const opened = new DatabaseSync(path, { readOnly: true })
    try {
      const rows = opened.prepare("PRAGMA integrity_check(5)").all() as { readonly integrity_check: string }[]
      return rows.map((row) => row.integrity_check).filter((line) => line !== "ok")
    } finally {
      opened.close()
    }
  } catch (error) {
    return [(error as Error).message]
  }
}

function invalid(problem: string): MayflyError {
  return new MayflyError("input.invalid", problem, { details: { path: "backup" } })
}
