import { readFileSync } from "node:fs"
import { parseSync } from "oxc-parser"

export interface Import {
  readonly specifier: string
  readonly line: number
  /** Gone when types are stripped. */
  readonly isType: boolean
  /** `import(…)`: evaluated later, so it can close no cycle at load time. */
  readonly isDynamic: boolean
}

/** Every module that a file names: imports, re-exports and dynamic imports of a literal. */
export function readImports(path: string): Import[] {
  const source = readFileSync(path, "utf8")
  const { module, errors } = parseSync(path, source)
  const problem = errors[0]
  if (problem !== undefined) throw new Error(`"${path}" cannot be parsed: ${problem.message}`)
  const lineOf = (offset: number): number => source.slice(0, offset).split("\n").length
  const imports = module.staticImports.map(({ moduleRequest, entries, start }) => ({
    specifier: moduleRequest.value,
    line: lineOf(start),
    isType: entries.length > 0 && entries.every((entry) => entry.isType),
    isDynamic: false,
  }))
  const exports = module.staticExports.flatMap(({ entries, start }) =>
    entries.flatMap(({ moduleRequest, isType }) =>
      moduleRequest === null ? [] : [{ specifier: moduleRequest.value, line: lineOf(start), isType, isDynamic: false }],
    ),
  )
  const dynamic = module.dynamicImports.flatMap(({ moduleRequest, start }) => {
    const text = source.slice(moduleRequest.start, moduleRequest.end)
    const specifier = /^(["'`])([^"'`$]+)\1$/.exec(text)?.[2]
    return specifier === undefined ? [] : [{ specifier, line: lineOf(start), isType: false, isDynamic: true }]
  })
  return [...imports, ...exports, ...dynamic]
}
