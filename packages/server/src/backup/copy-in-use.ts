import { existsSync, lstatSync } from "node:fs"
import { mkdir, readdir } from "node:fs/promises"
import { basename, dirname, join } from "node:path"
import { copyFiles } from "./copy-files.ts"
import { isNotHeld, whileHeld } from "./hold-owner.ts"

/** Where each provider keeps its sandboxes. */
const sandboxHomes = ["sandboxes", "sandboxes/docker", "sandboxes/virtual"]
/** Databases of objects that are held at once: their objects wait as long as all of them are copied. */
const batch = 50

export interface CopyInUseOptions {
  /** Called with what is copied next. */
  readonly onProgress: (what: string) => void
}

/**
 * Copies files of sandboxes and databases of objects from a data directory whose owner works on: each is as it was at one moment, at which the owner holds it still.
 * Gives what could not be had.
 */
export async function copyInUse(
  from: string,
  to: string,
  { onProgress }: CopyInUseOptions,
): Promise<readonly string[]> {
  const leftOut = await copyObjects(from, to, onProgress)
  for (const home of sandboxHomes) leftOut.push(...(await copySandboxes({ from, to, home }, onProgress)))
  return leftOut
}

async function copyObjects(from: string, to: string, onProgress: (what: string) => void): Promise<string[]> {
  const leftOut: string[] = []
  for (const tenant of await namesIn(join(from, "objects"))) {
    const folder = join("objects", tenant)
    const databases = (await namesIn(join(from, folder))).filter((name) => name.endsWith(".sqlite"))
    await mkdir(join(to, folder), { recursive: true, mode: 0o700 })
    for (let start = 0; start < databases.length; start += batch) {
      onProgress(`objects, ${start} of ${databases.length}`)
      const some = databases.slice(start, start + batch)
      const paths = some.map((name) => join(folder, name))
      const copy = (held: readonly string[]): Promise<readonly string[]> =>
        copyObjectFiles(
          join(from, folder),
          join(to, folder),
          held.map((path) => basename(path)),
        )
      leftOut.push(...(await whileHeld(from, paths, copy)))
    }
  }
  return leftOut
}

/** With what is not yet in the database itself, and with its alarm. A process of a guest's may have put something else there, which is left out. */
function copyObjectFiles(from: string, to: string, databases: readonly string[]): Promise<readonly string[]> {
  const names = databases.flatMap((name) => [name, `${name}-wal`, name.replace(/\.sqlite$/, ".alarm")])
  const paths = names.map((name) => join(from, name))
  return copyFiles(
    paths.filter((path) => lstatSync(path, { throwIfNoEntry: false })?.isFile() === true),
    to,
  )
}

interface SandboxHome {
  readonly from: string
  readonly to: string
  readonly home: string
}

async function copySandboxes(
  { from, to, home }: SandboxHome,
  onProgress: (what: string) => void,
): Promise<readonly string[]> {
  if (!existsSync(join(from, home))) return []
  await mkdir(join(to, home), { recursive: true, mode: 0o700 })
  const secret = join(from, home, "preview-secret")
  if (existsSync(secret)) await copyFiles([secret], join(to, home))
  const leftOut: string[] = []
  const copyAll = async (kind: string, copy: (path: string) => Promise<readonly string[]>): Promise<void> => {
    const names = (await namesIn(join(from, home, kind))).filter((name) => !name.endsWith(".unfinished"))
    if (names.length > 0) await mkdir(join(to, home, kind), { recursive: true, mode: 0o700 })
    for (const [index, name] of names.entries()) {
      onProgress(`${kind === "boxes" ? "sandboxes" : kind}, ${index} of ${names.length}`)
      leftOut.push(...(await copy(join(home, kind, name))))
    }
  }
  const copyInto = (path: string): Promise<readonly string[]> => copyFiles([join(from, path)], dirname(join(to, path)))
  await copyAll("boxes", (path) => copyHeld(from, path, () => copyInto(path)))
  // They never change.
  await copyAll("snapshots", copyInto)
  return leftOut
}

/** Nothing of one that has no owner: it is being made, or removed. One that can't be held still must not keep all others from being copied. */
async function copyHeld(
  from: string,
  path: string,
  copy: () => Promise<readonly string[]>,
): Promise<readonly string[]> {
  try {
    return await whileHeld(from, [path], async (held) => (held.length === 0 ? [] : copy()))
  } catch (error) {
    if (isNotHeld(error)) return [path]
    throw error
  }
}

async function namesIn(folder: string): Promise<string[]> {
  return existsSync(folder) ? readdir(folder) : []
}
