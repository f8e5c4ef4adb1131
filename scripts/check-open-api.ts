import { readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { openApiDocument } from "../packages/server/src/open-api-document.ts"

/** docs/reference/openapi.json is what the routes say. `--write` makes it so. */
const path = join(import.meta.dirname, "..", "docs", "reference", "openapi.json")
const wanted = openApiDocument()

if (process.argv.includes("--write")) writeFileSync(path, wanted)
else if (readFileSync(path, "utf8") !== wanted) {
  console.error("docs/reference/openapi.json is not what the routes say; run npm run check -- --fix")
  process.exitCode = 1
}
