import { type Output, paint } from "./output.ts"
import { safeLine } from "./safe-line.ts"

/** A cell, and how it looks on a terminal. */
export type Cell = string | { readonly text: string; readonly style: Parameters<typeof paint>[2] }

const gap = "  "
/** Off a terminal too: what an API says is somebody's. */
const maxCell = 2_000

/**
 * Aligned columns, each row one line whatever is in it. On a terminal a dim line of titles stands above, and lines are cut to its width; elsewhere
 * programs read it: no titles, nothing is cut.
 */
export function printTable(titles: readonly string[], rows: readonly (readonly Cell[])[], output: Output): void {
  if (rows.length === 0) return
  const { stdout } = output
  const head = titles.map((text): Cell => ({ text: text.toUpperCase(), style: "dim" }))
  const all = stdout.isTTY ? [head, ...rows] : rows
  const cells = all.map((row) => row.map((cell) => ({ style: undefined, ...asCell(cell) })))
  const widths = titles.map((_, column) => Math.max(...cells.map((row) => displayWidth(row[column]?.text ?? ""))))
  const most = stdout.isTTY ? stdout.columns || 80 : Number.POSITIVE_INFINITY
  for (const row of cells) {
    let [line, left] = ["", most]
    for (const [column, { text, style }] of row.entries()) {
      const lead = column === 0 ? "" : gap
      if (left <= lead.length) break
      const isLast = column === row.length - 1
      const shown = cutToWidth(text, left - lead.length)
      const space = isLast ? 0 : Math.min((widths[column] ?? 0) - displayWidth(shown), left)
      line += `${lead}${style === undefined ? shown : paint(output, "stdout", style, shown)}${" ".repeat(Math.max(0, space))}`
      left -= lead.length + displayWidth(shown) + space
    }
    stdout.write(`${line.trimEnd()}\n`)
  }
}

function asCell(cell: Cell): { readonly text: string; readonly style?: Parameters<typeof paint>[2] } {
  if (typeof cell === "string") return { text: safeLine(cell.slice(0, maxCell)) }
  return { ...cell, text: safeLine(cell.text.slice(0, maxCell)) }
}

const wide =
  /[\p{Emoji_Presentation}\p{Script=Han}\p{Script=Hangul}\p{Script=Hiragana}\p{Script=Katakana}\u3000-\u303f\uff01-\uff60\uffe0-\uffe6]/u

/** Columns of a terminal that text takes: most characters one, those of East Asia and pictures two, marks on others none. */
export function displayWidth(text: string): number {
  if (/^[\x20-\x7e]*$/.test(text)) return text.length
  let width = 0
  for (const character of text) width += /\p{M}/u.test(character) ? 0 : wide.test(character) ? 2 : 1
  return width
}

/** At most so many columns, with … where something is missing. */
export function cutToWidth(text: string, columns: number): string {
  if (displayWidth(text) <= columns) return text
  let [kept, width] = ["", 0]
  for (const character of text) {
    width += displayWidth(character)
    if (width > columns - 1) break
    kept += character
  }
  return columns < 1 ? "" : `${kept}…`
}
