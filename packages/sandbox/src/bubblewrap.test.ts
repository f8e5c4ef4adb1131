import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { after } from "node:test"
import { BubblewrapProvider } from "./bubblewrap/bubblewrap-provider.ts"
import { sandboxSuite } from "./sandbox-suite.ts"

const folder = mkdtempSync(join(tmpdir(), "mayfly-sandbox-suite-"))
after(() => rmSync(folder, { recursive: true, force: true }))

sandboxSuite("bubblewrap:", { directory: join(folder, "best") })
sandboxSuite("bubblewrap without groups and images:", {
  directory: join(folder, "fallback"),
  provider: (directory) => new BubblewrapProvider({ directory, without: ["cgroups", "images"] }),
})
