// npm run bench [NAME] [-- ARGUMENTS]: runs bench/NAME.ts, or lists what there is.
import { readdirSync } from "node:fs"
import { join } from "node:path"
import { build } from "./build.mjs"
import { ensureInstall, root, runInherited } from "./ensure-install.mjs"

await ensureInstall(import.meta.url)
const names = readdirSync(join(root, "bench"))
  .filter((name) => name.endsWith(".ts"))
  .map((name) => name.slice(0, -".ts".length))
const [name, ...rest] = process.argv.slice(2)

if (name === undefined || !names.includes(name)) {
  if (name !== undefined) console.error(`there is no bench "${name}"`)
  console.log(names.length === 0 ? "no benches yet" : `benches: ${names.join(", ")}`)
  process.exit(name === undefined ? 0 : 2)
}
if (!(await build())) process.exit(1)
// Benches measure what is published, so no "source" condition here.
const flags = ["--disable-warning=ExperimentalWarning"]
process.exit(await runInherited(process.execPath, [...flags, join(root, "bench", `${name}.ts`), ...rest]))
