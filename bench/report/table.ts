/** A plain-text table: the first column to the left, all others to the right. */
export function table(heads: readonly string[], rows: readonly (readonly string[])[]): string {
  const widths = heads.map((head, column) => Math.max(head.length, ...rows.map((row) => (row[column] ?? "").length)))
  const line = (cells: readonly string[]): string =>
    cells
      .map((cell, column) => (column === 0 ? cell.padEnd(widths[column] ?? 0) : cell.padStart(widths[column] ?? 0)))
      .join("  ")
      .trimEnd()
  return [line(heads), widths.map((width) => "-".repeat(width)).join("  "), ...rows.map(line)].join("\n")
}

/** Three significant digits, without exponent. */
export function figure(value: number | undefined): string {
  if (value === undefined || !Number.isFinite(value)) return "-"
  if (Math.abs(value) >= 100) return value.toFixed(0)
  return value.toFixed(Math.abs(value) >= 10 ? 1 : 2)
}

export function ratio(value: number | undefined, base: number | undefined): string {
  if (value === undefined || base === undefined || !Number.isFinite(value / base)) return "-"
  return `${figure(value / base)}x`
}

export function megabytes(bytes: number | undefined): string {
  return bytes === undefined ? "-" : `${figure(bytes / 1_048_576)} MB`
}
