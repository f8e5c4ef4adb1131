import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"

/** A folder that is gone when this process ends, also by Ctrl-C. */
export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), "mayfly-bench-"))
  process.once("exit", () => rmSync(folder, { recursive: true, force: true }))
  return folder
}
