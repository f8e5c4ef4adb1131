import type { Output } from "./output.ts"
import { safeLine } from "./safe-line.ts"

/** One of a list, as the API tells it. */
export type Row = Readonly<Record<string, unknown>>

const maxCell = 120

/** What is shown of each, as cells. */
export const rowsOf = {
  sandboxes: ({ id, status, tenant, createdAt }: Row) => [timeOf(createdAt), text(status), text(id), text(tenant)],
  processes: ({ id, pid, status, exitCode, startedAt, command }: Row) => [
    timeOf(startedAt),
    `${text(status)}${exitCode === undefined ? "" : ` ${text(exitCode)}`}`,
    text(id),
    text(pid),
    Array.isArray(command) ? command.map(text).join(" ") : text(command),
  ],
  snapshots: ({ id, sandboxId, createdAt, bytes }: Row) => [
    timeOf(createdAt),
    text(id),
    text(sandboxId),
    `${(Number(bytes) / 1_048_576).toFixed(1)} MiB`,
  ],
} as const

/** Columns of one width, each row one line whatever is in it. */
export function printRows(rows: readonly (readonly string[])[], { stdout }: Output): void {
  const cells = rows.map((row) => row.map((cell) => safeLine(cell.slice(0, maxCell))))
  const widths = (cells[0] ?? []).map((_, column) => Math.max(...cells.map((row) => row[column]?.length ?? 0)))
  for (const row of cells)
    stdout.write(
      `${row
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join("  ")
        .trimEnd()}\n`,
    )
}

function timeOf(value: unknown): string {
  const date = new Date(Number(value))
  return Number.isNaN(date.getTime()) ? "?" : date.toISOString()
}

function text(value: unknown): string {
  return typeof value === "string" ? value : (JSON.stringify(value) ?? "")
}
