import { createHash } from "node:crypto"
import { createReadStream } from "node:fs"
import { readdir, readFile, stat, writeFile } from "node:fs/promises"
import { join, relative } from "node:path"
import { pipeline } from "node:stream/promises"
import { MayflyError } from "@mayfly/protocol"

/** What a backup holds, so that a restore can tell whether it is whole. */
export interface Manifest {
  readonly format: 1
  readonly createdAt: number
  /** Parts of the data directory that were in use and are not in it. */
  readonly leftOut: readonly string[]
  readonly files: readonly ManifestFile[]
}

export interface ManifestFile {
  readonly path: string
  readonly bytes: number
  readonly sha256: string
}

export const manifestName = "manifest.json"

/** Every regular file below `folder`. */
export async function filesIn(folder: string): Promise<ManifestFile[]> {
  const found: ManifestFile[] = []
  for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name)
    const name = relative(folder, path)
    if (!entry.isFile() || name === manifestName) continue
    found.push({ path: name, bytes: (await stat(path)).size, sha256: await hashOf(path) })
  }
  return found.sort((a, b) => (a.path < b.path ? -1 : 1))
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
    const parsed = JSON.parse(await readFile(join(folder, manifestName), "utf8")) as Partial<Manifest> | null
    const { format, files, leftOut = [], createdAt = 0 } = parsed ?? {}
    if (format === 1 && Array.isArray(files)) return { format, files, leftOut, createdAt }
  } catch (cause) {
    throw damaged(folder, (cause as Error).message)
  }
  throw damaged(folder, `its ${manifestName} is of no format that is known here`)
}

function damaged(folder: string, problem: string): MayflyError {
  return new MayflyError("input.invalid", `"${folder}" is no whole backup: ${problem}`, { details: { path: "backup" } })
}

async function hashOf(path: string): Promise<string> {
  const hash = createHash("sha256")
  await pipeline(createReadStream(path, { highWaterMark: 1 << 20 }), hash)
  return hash.digest("hex")
}
