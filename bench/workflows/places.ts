import { mkdtempSync, rmSync } from "node:fs"
import { readdir, stat } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { contenders } from "./all.ts"
import type { DriverOptions } from "./driver.ts"
import { type Postgres, startPostgres } from "./postgres.ts"

/** Where a contender keeps what it writes, and its Postgres when it wants one. Whoever makes it closes it. */
export interface Place extends DriverOptions {
  /** Bytes that it takes on disk, when nobody writes. */
  bytes(): Promise<number>
  close(): Promise<void>
}

const open = new Set<{ readonly folder: string; readonly postgres: Postgres | undefined }>()

export async function newPlace(name: string): Promise<Place> {
  const folder = mkdtempSync(join(tmpdir(), "mayfly-bench-"))
  const place: { folder: string; postgres: Postgres | undefined } = { folder, postgres: undefined }
  open.add(place)
  if (contenders[name]?.usesPostgres === true) place.postgres = await startPostgres(folder)
  const { postgres } = place
  return {
    folder,
    databaseUrl: postgres?.url,
    bytes: () => (postgres === undefined ? bytesIn(folder) : postgres.bytes()),
    async close() {
      await postgres?.stop()
      rmSync(folder, { recursive: true, force: true, maxRetries: 5 })
      open.delete(place)
    },
  }
}

/** On the way out, after the drivers. */
export function closePlaces(): void {
  for (const { folder, postgres } of open) {
    postgres?.kill()
    rmSync(folder, { recursive: true, force: true, maxRetries: 20 })
  }
}

async function bytesIn(folder: string): Promise<number> {
  let bytes = 0
  for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
    if (entry.isFile()) bytes += (await stat(join(entry.parentPath, entry.name))).size
  }
  return bytes
}
