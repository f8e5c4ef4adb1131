import type { LedgerRow } from "@mayfly/protocol"

const maxLength = 1_000
const longerThan: Readonly<Record<string, number>> = { path: 2_048, method: 40, id: 200, tenant: 200, runId: 200 }
const maxFields = 40
const maxItems = 50
/** These are the ledger's own to say. */
const own = new Set(["outcome", "hash", "previousHash", "outcomeHash"])

/** A row as it may be kept: bounded, well-formed text, no query in the path, whatever a guest has made of it. */
export function tidyRow(row: LedgerRow): LedgerRow {
  const entries = Object.entries(row)
    .filter(([name, value]) => !own.has(name) && value !== undefined && typeof value !== "function")
    .slice(0, maxFields)
    .map(([name, value]): [string, unknown] => [name, tidyValue(value, longerThan[name] ?? maxLength)])
  const tidy = Object.fromEntries(entries) as unknown as LedgerRow
  return { ...tidy, path: withoutQuery(tidy.path) }
}

function tidyValue(value: unknown, max: number): unknown {
  if (typeof value === "string") return tidyText(value, max)
  if (typeof value === "number") return Number.isFinite(value) ? value : null
  if (typeof value === "boolean" || value === null) return value
  if (Array.isArray(value)) return value.slice(0, maxItems).map((item) => tidyText(String(item), 200))
  return tidyText(JSON.stringify(value) ?? "", max)
}

/** Databases differ in what they make of NUL and of half a character; a hash does not forgive that. */
function tidyText(text: string, max: number): string {
  const cut = text.length > max ? `${text.slice(0, max)}…` : text
  return cut.toWellFormed().replaceAll("\0", "\uFFFD")
}

/** Queries hold keys and what people look for. */
function withoutQuery(path: string): string {
  return path.replace(/[?#].*$/s, "")
}
