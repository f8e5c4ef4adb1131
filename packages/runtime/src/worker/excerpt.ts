import type { ModulePositions } from "../compile/program.ts"

const linesAround = 2
const maxLine = 200

/** The lines of a program around the first mention of `word`, or its first ones. For people; the text is a guest's. */
export function excerpt(positions: readonly ModulePositions[], word: string): string {
  const sources = positions.flatMap(({ source }) => (source === undefined ? [] : [source.split("\n")]))
  for (const lines of sources) {
    const at = lines.findIndex((line) => line.includes(word))
    if (at !== -1) return shown(lines.slice(Math.max(0, at - linesAround), at + linesAround + 1))
  }
  return shown((sources[0] ?? []).slice(0, 2 * linesAround + 1))
}

function shown(lines: readonly string[]): string {
  return lines.map((line) => (line.length > maxLine ? `${line.slice(0, maxLine)}…` : line)).join("\n")
}
