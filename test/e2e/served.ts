import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { after } from "node:test"
import { startMayfly } from "./mayfly-process.ts"

export interface Served {
  /** Of the test's own; removed when its file has ended. */
  readonly folder: string
  /** The server's data directory, in that folder. */
  readonly data: string
  readonly url: string
  /** The admin key. */
  readonly key: string
  readonly authorization: string
}

/** A real `mayfly serve` for all tests of a file. It is asked to stop when they have ended. */
export async function serve(name: string): Promise<Served> {
  const folder = mkdtempSync(join(tmpdir(), `mayfly-${name}-`))
  const data = join(folder, "data")
  const server = startMayfly(["serve", "--port", "0", "--data", data])
  after(async () => {
    server.child.kill("SIGTERM")
    await server.finished
    rmSync(folder, { recursive: true, force: true })
  })
  const [, key = ""] = await server.output(/admin key: (mf_\S+)/)
  const [, url = ""] = await server.output(/serving at (\S+)/)
  return { folder, data, url, key, authorization: `Bearer ${key}` }
}
