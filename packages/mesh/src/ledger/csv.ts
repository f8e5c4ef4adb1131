/** One line of CSV (RFC 4180), for people with spreadsheets. */
export function csvLine(cells: readonly (string | number | null)[]): string {
  return `${cells.map(csvCell).join(",")}\r\n`
}

function csvCell(cell: string | number | null): string {
  if (cell === null) return ""
  if (typeof cell === "number") return String(cell)
  const text = guard(visible(cell))
  return /[",\r\n]/.test(text) || text.trim() !== text ? `"${text.replaceAll('"', '""')}"` : text
}

/** Spreadsheets run a cell that begins like a formula (OWASP: CSV injection), also behind spaces; an apostrophe makes it text. */
function guard(text: string): string {
  return /^\s*[=+\-@|%\uFF1D\uFF0B\uFF0D\uFF20]/.test(text) ? `'${text}` : text
}

/** Control characters command terminals, and split lines in readers that know no quotes. */
function visible(text: string): string {
  return text.replace(/[\u0000-\u001f\u007f-\u009f\u2028\u2029\u202a-\u202e\u2066-\u2069]/g, escape)
}

function escape(character: string): string {
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`
}
