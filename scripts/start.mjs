// npm start: install when needed, build when stale, serve with the demo.
import { join } from "node:path"
import { build } from "./build.mjs"
import { ensureInstall, root, runInherited } from "./ensure-install.mjs"

await ensureInstall(import.meta.url)
if (!(await build())) process.exit(1)
const cli = join(root, "packages", "mayfly", "bin", "mayfly.mjs")
process.exit(await runInherited(process.execPath, [cli, "serve", "--demo", ...process.argv.slice(2)]))
