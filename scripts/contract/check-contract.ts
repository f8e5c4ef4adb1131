// The public contract: the types that packages export and the OpenAPI document, as committed in docs/reference. What only grows is written by
// `npm run check -- --fix`; what breaks users must be declared first, in CHANGELOG.md under "### Breaking" of [Unreleased], by its name in backticks.
import { existsSync, readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { openApiDocument } from "../../packages/server/src/open-api-document.ts"
import { breakingRoutes } from "./breaking-routes.ts"
import { breakingTypes, readReport, writeReport } from "./breaking-types.ts"
import { readExports } from "./read-exports.ts"

const root = join(import.meta.dirname, "..", "..")
const reference = join(root, "docs", "reference")
const isWriting = process.argv.includes("--write")
const declared = breakingSection(readFileSync(join(root, "CHANGELOG.md"), "utf8"))

for (const name of ["mayfly", "client"]) {
  const exports = readExports(join(root, "packages", name, "dist", "index.d.ts"), join(root, "packages"))
  const path = join(reference, "api", `${name}.txt`)
  const before = existsSync(path) ? readFileSync(path, "utf8") : ""
  settle(path, { before, now: writeReport(exports), breaks: breakingTypes(readReport(before), exports) })
}
const path = join(reference, "openapi.json")
const before = readFileSync(path, "utf8")
const now = openApiDocument()
settle(path, { before, now, breaks: breakingRoutes(JSON.parse(before), JSON.parse(now)) })

interface Change {
  readonly before: string
  readonly now: string
  readonly breaks: ReadonlyMap<string, string>
}

function settle(file: string, change: Change): void {
  if (change.before === change.now) return
  const undeclared = [...change.breaks].filter(([name]) => !declared.includes(`\`${name}\``))
  for (const [, reason] of undeclared)
    fail(`breaks users: ${reason}. Keep it, or declare it in CHANGELOG.md under "### Breaking" of [Unreleased].`)
  if (undeclared.length > 0) return
  if (isWriting) writeFileSync(file, change.now)
  else fail(`${file.slice(root.length + 1)} is not what the code says; run npm run check -- --fix`)
}

function fail(text: string): void {
  console.error(text)
  process.exitCode = 1
}

/** Before the first release nothing can be broken: then the section may say `everything`. */
function breakingSection(changelog: string): string {
  const unreleased = changelog.split(/^## /m).find((part) => part.startsWith("[Unreleased]")) ?? ""
  return unreleased.split(/^### /m).find((part) => part.startsWith("Breaking")) ?? ""
}
