import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { after } from "node:test"
import { openStore } from "./open-store.ts"
import { storeSuite } from "./store-suite.ts"

const folder = mkdtempSync(join(tmpdir(), "mayfly-store-"))
after(() => rmSync(folder, { recursive: true }))

storeSuite("a store in a folder:", (name) => openStore({ directory: join(folder, name) }), { isLasting: true })
storeSuite("a store in memory:", () => openStore(), { isLasting: false })
