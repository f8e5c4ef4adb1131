import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs"
import { dirname, join, relative } from "node:path"
import { type ErrorRow, errorTable } from "../packages/protocol/src/error-table.ts"
import { readErrorCodes } from "./read-error-codes.ts"

export type ErrorTable = Readonly<Record<string, ErrorRow>>

/** Problems between the error table, its documentation and the sources; none when all three agree. */
export function checkErrors(table: ErrorTable, doc: string, sources: ReadonlyMap<string, string>): string[] {
  return [...checkDoc(table, doc), ...checkSources(table, sources)]
}

/** The documentation page of a table. */
export function renderErrors(table: ErrorTable): string {
  const rows = Object.entries(table).map(renderRow)
  return `${heading}\n| code | status | retry | fix |\n| --- | --- | --- | --- |\n${rows.join("\n")}\n`
}

const heading = `# Errors

Every failure is a \`MayflyError\` with one of these codes. \`status\` is the HTTP status on the API, \`retry\` says whether the same call
may simply be made again (an error may say otherwise about itself), \`fix\` what to change. Codes are stable; messages are for people.

Made from \`packages/protocol/src/error-table.ts\` by \`npm run check -- --fix\`; do not edit by hand.
`

function renderRow([code, { status, retry, fix }]: readonly [string, ErrorRow]): string {
  return `| \`${code}\` | ${status} | ${retry ? "yes" : "no"} | ${fix.replaceAll("|", "\\|")} |`
}

function checkDoc(table: ErrorTable, doc: string): string[] {
  if (doc === renderErrors(table)) return []
  const wanted = new Set(Object.entries(table).map(renderRow))
  const found = new Set(doc.split("\n").filter((line) => line.startsWith("| `")))
  const missing = [...wanted].filter((row) => !found.has(row)).map((row) => `docs lack: ${row}`)
  const extra = [...found].filter((row) => !wanted.has(row)).map((row) => `docs have, the table does not: ${row}`)
  const differences = [...missing, ...extra]
  return differences.length > 0 ? differences : ["docs differ in order or text; run npm run check -- --fix"]
}

function checkSources(table: ErrorTable, sources: ReadonlyMap<string, string>): string[] {
  const strings = new Set<string>()
  const unknown: string[] = []
  for (const [path, text] of sources) {
    const { codes, literals } = readErrorCodes(path, text)
    for (const literal of literals) strings.add(literal)
    for (const code of codes) if (!Object.hasOwn(table, code)) unknown.push(`${path}: "${code}" is not in the table`)
  }
  const unused = Object.keys(table).filter((code) => !strings.has(code))
  return [...unknown, ...unused.map((code) => `"${code}" is in the table and used nowhere`)]
}

function readSources(root: string): Map<string, string> {
  const table = join("packages", "protocol", "src", "error-table.ts")
  const paths = readdirSync(join(root, "packages"))
    .map((name) => join(root, "packages", name, "src"))
    .filter((folder) => existsSync(folder))
    .flatMap((folder) => readdirSync(folder, { recursive: true, withFileTypes: true }))
    .filter((entry) => entry.isFile() && entry.name.endsWith(".ts") && !entry.name.endsWith(".test.ts"))
    .map((entry) => join(entry.parentPath, entry.name))
    .filter((path) => relative(root, path) !== table)
  return new Map(paths.map((path) => [relative(root, path), readFileSync(path, "utf8")]))
}

if (import.meta.main) {
  const root = join(import.meta.dirname, "..")
  const path = join(root, "docs", "reference", "errors.md")
  if (process.argv.includes("--write")) {
    mkdirSync(dirname(path), { recursive: true })
    writeFileSync(path, renderErrors(errorTable))
  }
  const problems = checkErrors(errorTable, existsSync(path) ? readFileSync(path, "utf8") : "", readSources(root))
  for (const problem of problems) console.error(problem)
  process.exitCode = problems.length === 0 ? 0 : 1
}
