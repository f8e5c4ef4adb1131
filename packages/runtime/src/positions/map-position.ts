import { SourceMap, type SourceMapPayload } from "node:module"
import type { ModulePositions } from "../compile/program.ts"

/** Line and column, both from 1, as V8 prints them. */
export interface Position {
  readonly line: number
  readonly column: number
}

const maps = new WeakMap<ModulePositions, SourceMap | null>()

/** Where in the author's text a position of compiled code comes from. Positions that can't be mapped stay as they are. */
export function mapPosition(positions: ModulePositions, compiled: Position): Position {
  const { line, column: mapped } = unmap(positions, compiled)
  let column = mapped
  const onLine = positions.insertions.filter((insertion) => insertion.line === line)
  // Offsets of insertions are in the author's columns, so they are taken out from the last to the first.
  for (const insertion of onLine.toSorted((a, b) => b.column - a.column)) {
    const before = onLine.filter(
      (other) => other !== insertion && other.column <= insertion.column && isBefore(other, insertion, onLine),
    )
    const shifted = insertion.column + before.reduce((sum, other) => sum + other.length, 0)
    if (column - 1 >= shifted + insertion.length) column -= insertion.length
    else if (column - 1 > shifted) column = shifted + 1
  }
  return { line, column: Math.max(1, column) }
}

function isBefore(other: object, insertion: object, all: readonly object[]): boolean {
  return all.indexOf(other) < all.indexOf(insertion)
}

function unmap(positions: ModulePositions, { line, column }: Position): Position {
  const map = mapOf(positions)
  if (map === null) return { line, column }
  const entry = map.findEntry(line - 1, column - 1)
  if (!("originalLine" in entry)) return { line, column }
  return { line: entry.originalLine + 1, column: entry.originalColumn + 1 }
}

function mapOf(positions: ModulePositions): SourceMap | null {
  let map = maps.get(positions)
  if (map === undefined) {
    map = parseMap(positions.map)
    maps.set(positions, map)
  }
  return map
}

function parseMap(text: string | undefined): SourceMap | null {
  if (text === undefined || text === "") return null
  try {
    return new SourceMap(JSON.parse(text) as SourceMapPayload)
  } catch {
    return null
  }
}
