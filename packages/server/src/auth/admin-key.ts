import { readFileSync, renameSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import type { DataDirectory } from "@mayfly/platform"
import { MayflyError } from "@mayfly/protocol"
import { createKey, hashKey } from "./api-key.ts"

export interface AdminKey {
  /** SHA-256 of the key, as hex. The key itself is stored nowhere. */
  readonly hash: string
  /** The key, when it was made just now: the only moment at which anybody can see it. */
  readonly created?: string
}

/** The key that may do everything. The first call makes it. Throws `input.invalid` when its file was damaged: a new key must not come silently. */
export function ensureAdminKey(directory: DataDirectory): AdminKey {
  const path = join(directory.path, "admin-key.json")
  const text = readIfThere(path)
  if (text !== undefined) return { hash: parseHash(text, path) }
  const key = createKey()
  const hash = hashKey(key)
  // Renamed into place: a crash leaves no half a file. Nobody else writes here while we own the directory.
  writeFileSync(`${path}.new`, JSON.stringify({ hash }), { mode: 0o600 })
  renameSync(`${path}.new`, path)
  return { hash, created: key }
}

function readIfThere(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8")
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined
    throw error
  }
}

function parseHash(text: string, path: string): string {
  try {
    const { hash } = JSON.parse(text) as { hash?: unknown }
    if (typeof hash === "string" && /^[0-9a-f]{64}$/.test(hash)) return hash
  } catch {
    // Said below.
  }
  throw new MayflyError("input.invalid", `"${path}" is damaged; remove it to get a new admin key`, {
    details: { path: "data" },
  })
}
