import { existsSync } from "node:fs"
import { readdir } from "node:fs/promises"

/** None for a folder that is not there. */
export async function namesIn(folder: string): Promise<string[]> {
  return existsSync(folder) ? readdir(folder) : []
}
