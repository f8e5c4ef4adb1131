import { resultInsert, type ShapedSource } from "./detect-shape.ts"
import type { Insertion } from "./program.ts"

export interface ModuleText {
  readonly code: string
  readonly insertions: readonly Insertion[]
}

/** Puts a shaped program together and remembers what was put where, so that errors keep the author's positions. */
export function shapeSource(source: string, shaped: ShapedSource): ModuleText {
  const [start, end] = shaped.range ?? [0, source.length]
  const insertions: Insertion[] = []
  let code = shaped.prefix
  if (shaped.prefix !== "") insertions.push({ line: 1, column: 0, length: shaped.prefix.length })
  let from = start
  for (const offset of shaped.inserts) {
    code += source.slice(from, offset) + resultInsert
    insertions.push({ ...lineAndColumn(source, offset), length: resultInsert.length })
    from = offset
  }
  return { code: code + source.slice(from, end) + shaped.suffix, insertions }
}

function lineAndColumn(text: string, offset: number): { line: number; column: number } {
  let line = 1
  let lineStart = 0
  for (let at = text.indexOf("\n"); at !== -1 && at < offset; at = text.indexOf("\n", at + 1)) {
    line++
    lineStart = at + 1
  }
  return { line, column: offset - lineStart }
}
