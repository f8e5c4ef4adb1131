import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { after } from "node:test"
import { sandboxSuite } from "./sandbox-suite.ts"

const folder = mkdtempSync(join(tmpdir(), "mayfly-virtual-suite-"))
after(() => rmSync(folder, { recursive: true, force: true }))

sandboxSuite("virtual:", { directory: folder, provider: "virtual", hasProcesses: false })
