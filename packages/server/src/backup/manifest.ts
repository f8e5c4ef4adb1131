import { createHash, type Hash } from "node:crypto"
import type { Dirent } from "node:fs"
import { lstat, readdir, readFile, readlink, stat, writeFile } from "node:fs/promises"
import { join } from "node:path"
import { MayflyError } from "@mayfly/protocol"
import { hashFile } from "./hash-file.ts"

/** What a backup holds, so that a restore can tell whether it is whole. */
export interface Manifest {
  readonly format: 1
  readonly createdAt: number
  /** What could not be had, or was not wanted. */
  readonly leftOut: readonly string[]
  readonly files: readonly ManifestFile[]
}

/** A file, or a folder of a guest's with all that is in it: those are many, and their names a guest's. */
export interface ManifestFile {
  readonly path: string
  readonly bytes: number
  readonly sha256: string
}

export const manifestName = "manifest.json"
const maxManifestBytes = 256 << 20

/** Folders in which a guest has made what it liked: links, pipes, files that nobody may read. */
const guestFolder = /^sandboxes\/(?:docker\/|virtual\/)?(?:boxes\/[^/]+\/(?:files|root)|snapshots\/[^/]+)$/

export interface BackupEntry {
  /** Relative, with "/". */
  readonly path: string
  readonly kind: "file" | "folder" | "guest-folder" | "other"
}

/** All of a data directory or a backup, sorted, a guest's folder as one. */
export async function* entriesIn(folder: string, below = ""): AsyncGenerator<BackupEntry> {
  for (const entry of await sortedEntries(join(folder, below))) {
    const path = below === "" ? entry.name : `${below}/${entry.name}`
    if (path === manifestName) continue
    if (entry.isFile()) yield { path, kind: "file" }
    else if (!entry.isDirectory()) yield { path, kind: "other" }
    else if (guestFolder.test(path)) yield { path, kind: "guest-folder" }
    else {
      yield { path, kind: "folder" }
      yield* entriesIn(folder, path)
    }
  }
}

/** What a manifest says of `folder`. */
export async function filesIn(folder: string): Promise<ManifestFile[]> {
  const found: ManifestFile[] = []
  for await (const { path, kind } of entriesIn(folder)) {
    if (kind === "file") {
      const hash = createHash("sha256")
      found.push({ path, bytes: await hashFile(hash, join(folder, path)), sha256: hash.digest("hex") })
    } else if (kind === "guest-folder") found.push({ path, ...(await hashTree(join(folder, path))) })
  }
  return found
}

export async function writeManifest(folder: string, manifest: Manifest): Promise<void> {
  await writeFile(join(folder, manifestName), `${JSON.stringify(manifest, undefined, 1)}\n`, {
    mode: 0o600,
    flush: true,
  })
}

/** Reads the manifest and compares it with what is there. Throws `input.invalid` that names what is damaged. */
export async function checkBackup(folder: string): Promise<Manifest> {
  const manifest = await readManifest(folder)
  const there = new Map((await filesIn(folder)).map((file) => [file.path, file]))
  const wrong = manifest.files.filter(({ path, sha256 }) => there.get(path)?.sha256 !== sha256).map(({ path }) => path)
  const known = new Set(manifest.files.map(({ path }) => path))
  const extra = [...there.keys()].filter((path) => !known.has(path))
  if (wrong.length > 0) throw damaged(folder, `missing or changed: ${wrong.slice(0, 10).join(", ")}`)
  if (extra.length > 0) throw damaged(folder, `not in its manifest: ${extra.slice(0, 10).join(", ")}`)
  return manifest
}

async function readManifest(folder: string): Promise<Manifest> {
  try {
    const path = join(folder, manifestName)
    const { size } = await stat(path)
    if (size > maxManifestBytes) throw new Error(`its ${manifestName} has ${size} bytes`)
    return parseManifest(JSON.parse(await readFile(path, "utf8")) as unknown)
  } catch (cause) {
    throw damaged(folder, (cause as Error).message)
  }
}

function parseManifest(value: unknown): Manifest {
  const { format, files, leftOut = [], createdAt = 0 } = (value ?? {}) as Partial<Manifest>
  const isWhole =
    format === 1 &&
    Number.isFinite(createdAt) &&
    Array.isArray(leftOut) &&
    leftOut.every((path) => typeof path === "string") &&
    Array.isArray(files) &&
    files.every((file: Partial<ManifestFile> | null) => typeof file?.path === "string")
  if (!isWhole) throw new Error(`its ${manifestName} is of no format that is known here`)
  return { format, files, leftOut, createdAt }
}

function damaged(folder: string, problem: string): MayflyError {
  return new MayflyError("input.invalid", `"${folder}" is no whole backup: ${problem}`, { details: { path: "backup" } })
}

/** Of names, modes and contents. Links are not followed. */
async function hashTree(folder: string): Promise<Omit<ManifestFile, "path">> {
  const hash = createHash("sha256")
  return { bytes: await addTree(hash, Buffer.from(folder), Buffer.of()), sha256: hash.digest("hex") }
}

const slash = Buffer.from("/")

/** Names are bytes: a guest's need not be a text. */
async function addTree(hash: Hash, root: Buffer, below: Buffer): Promise<number> {
  let bytes = 0
  const folder = Buffer.concat([root, below])
  const entries = await readdir(folder, { withFileTypes: true, encoding: "buffer" })
  for (const entry of entries.sort((a, b) => Buffer.compare(a.name, b.name))) {
    const name = Buffer.concat([below, slash, entry.name])
    const path = Buffer.concat([root, name])
    const { mode, size } = await lstat(path)
    hash.update(`${JSON.stringify([name.toString("hex"), mode, entry.isFile() ? size : 0])}\n`)
    if (entry.isDirectory()) bytes += await addTree(hash, root, name)
    else if (entry.isSymbolicLink()) hash.update(`${await readlink(path, "hex")}\n`)
    else if (entry.isFile()) bytes += await hashFile(hash, path)
  }
  return bytes
}

async function sortedEntries(folder: string): Promise<Dirent[]> {
  return (await readdir(folder, { withFileTypes: true })).sort((a, b) => (a.name < b.name ? -1 : 1))
}
