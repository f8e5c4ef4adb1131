import { jsonLine, type RecordedRow } from "@mayfly/protocol"
import { csvLine } from "./csv.ts"
import type { ExportFormat } from "./ledger.ts"

const csvColumns =
  "id tenant runId method origin path address port decision rule reason outcome status bytesIn bytesOut durationMs previousHash hash outcomeHash".split(
    " ",
  )

/** Rows as text, a page at a time. JSON lines hold all there is; CSV what people look at, with the time as text. */
export async function* exportRows(
  format: ExportFormat,
  pages: AsyncIterable<readonly RecordedRow[]>,
): AsyncGenerator<string> {
  if (format === "csv") yield csvLine(["time", ...csvColumns])
  for await (const rows of pages) yield rows.map(format === "csv" ? toCsv : jsonLine).join("")
}

function toCsv(row: RecordedRow): string {
  const values = row as unknown as Readonly<Record<string, unknown>>
  return csvLine([toIsoTime(row.time), ...csvColumns.map((name) => toCell(values[name]))])
}

function toCell(value: unknown): string | number | null {
  if (value === undefined || value === null) return null
  return typeof value === "number" || typeof value === "string" ? value : JSON.stringify(value)
}

function toIsoTime(time: number): string {
  const date = new Date(time)
  return Number.isNaN(date.getTime()) ? String(time) : date.toISOString()
}
