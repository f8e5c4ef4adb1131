import { existsSync } from "node:fs"
import { chmod, readdir, rename, rm, rmdir } from "node:fs/promises"
import { join, resolve } from "node:path"
import { DatabaseSync } from "node:sqlite"
import { MayflyError } from "@mayfly/protocol"
import { copyTree } from "./copy-tree.ts"
import { checkBackup, type Manifest, manifestName } from "./manifest.ts"

/**
 * Makes a data directory of a backup. Every file is compared with the manifest, and the database looked through, before anything takes the directory's place,
 * which must be free. Throws `input.invalid`; nothing is left then.
 */
export async function restoreBackup(backup: string, data: string): Promise<Manifest> {
  const from = resolve(backup)
  const to = resolve(data)
  if (existsSync(to) && (await readdir(to)).length > 0) throw invalid(`"${to}" is not empty, and is not overwritten`)
  await checkBackup(from)
  const unfinished = `${to}.unfinished`
  await rm(unfinished, { recursive: true, force: true })
  try {
    await copyTree(from, unfinished)
    await chmod(unfinished, 0o700)
    // Once more: it is the copy that will be used.
    const manifest = await checkBackup(unfinished)
    checkDatabase(join(unfinished, "mayfly.db"))
    await rm(join(unfinished, manifestName))
    if (existsSync(to)) await rmdir(to)
    await rename(unfinished, to)
    return manifest
  } catch (error) {
    await rm(unfinished, { recursive: true, force: true })
    throw error
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
