// Run by bubblewrap-user.test.ts as an ordinary user.
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { after } from "node:test"
import { processSuite } from "./process-suite.ts"
import { sandboxSuite } from "./sandbox-suite.ts"

const folder = mkdtempSync(join(tmpdir(), "mayfly-sandbox-user-"))
after(() => rmSync(folder, { recursive: true, force: true }))

sandboxSuite("bubblewrap as an ordinary user:", { directory: join(folder, "a") })
processSuite("bubblewrap as an ordinary user:", { directory: join(folder, "b") })
