import { existsSync, readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { settingsReference } from "@mayfly/server/config"
import { metricsReference } from "../packages/server/src/telemetry/metrics-reference.ts"

/** A part of a page that is made from the sources, between two comments. */
export interface GeneratedPart {
  readonly page: string
  readonly name: string
  readonly text: string
}

/** The page with the part put in, undefined when it has no place for it. */
export function withPart(page: string, { name, text }: GeneratedPart): string | undefined {
  const [start, end] = [`<!-- generated: ${name} -->`, `<!-- end: ${name} -->`]
  const from = page.indexOf(start)
  const to = page.indexOf(end)
  if (from === -1 || to < from) return undefined
  return `${page.slice(0, from + start.length)}\n\n${text}\n\n${page.slice(to)}`
}

const parts: readonly GeneratedPart[] = [
  { page: "configuration.md", name: "settings", text: settingsReference() },
  { page: "metrics.md", name: "metrics", text: metricsReference() },
]

if (import.meta.main) {
  const problems = parts.flatMap((part) => {
    const path = join(import.meta.dirname, "..", "docs", "reference", part.page)
    const page = existsSync(path) ? readFileSync(path, "utf8") : ""
    const wanted = withPart(page, part)
    if (wanted === undefined) return [`${part.page} has no place for the generated part "${part.name}"`]
    if (wanted === page) return []
    if (!process.argv.includes("--write"))
      return [`${part.page} is not what the sources say; run npm run check -- --fix`]
    writeFileSync(path, wanted)
    return []
  })
  for (const problem of problems) console.error(problem)
  process.exitCode = problems.length === 0 ? 0 : 1
}
