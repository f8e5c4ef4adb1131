import type { ParseResult } from "oxc-parser"

export interface Rewritten {
  readonly code: string
  /** The identifier that stands for `import` in `import(…)`, six characters like it. */
  readonly importIdentifier?: string
  /** The identifier that stands for `import.meta`, eleven characters like it. */
  readonly metaIdentifier?: string
}

/**
 * isolated-vm has neither dynamic import nor import.meta. Both become calls and reads of globals whose names have the same length,
 * so that no position moves. `index` makes the names of one program's modules differ.
 */
export function rewriteImports(code: string, parsed: ParseResult, index: number): Rewritten {
  const { dynamicImports, importMetas } = parsed.module
  if (dynamicImports.length === 0 && importMetas.length === 0) return { code }
  const importIdentifier = unusedName(code, "$i", index, 6)
  const metaIdentifier = unusedName(code, "$m", index, 11)
  const edits = [
    ...dynamicImports.map((found) => ({ start: found.start, name: importIdentifier })),
    ...importMetas.map((found) => ({ start: found.start, name: metaIdentifier })),
  ].sort((a, b) => a.start - b.start)
  return {
    code: applyEdits(code, edits),
    ...(dynamicImports.length === 0 ? {} : { importIdentifier }),
    ...(importMetas.length === 0 ? {} : { metaIdentifier }),
  }
}

function applyEdits(code: string, edits: readonly { start: number; name: string }[]): string {
  let text = ""
  let from = 0
  for (const { start, name } of edits) {
    text += code.slice(from, start) + name
    from = start + name.length
  }
  return text + code.slice(from)
}

function unusedName(code: string, start: string, index: number, length: number): string {
  for (let attempt = index; ; attempt += 1_000) {
    const name = start + attempt.toString(36).padStart(length - start.length, "0")
    if (!code.includes(name)) return name
  }
}
