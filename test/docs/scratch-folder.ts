import { mkdirSync, mkdtempSync, rmSync } from "node:fs"
import { join } from "node:path"
import { after } from "node:test"
import { root } from "./read-fences.ts"

/** A folder below the checkout, so that its packages are found; removed after the tests. */
export function scratchFolder(): string {
  const cache = join(root, "node_modules", ".cache")
  mkdirSync(cache, { recursive: true })
  const folder = mkdtempSync(join(cache, "docs-"))
  after(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}
