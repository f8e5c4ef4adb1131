type Inspect = (value: unknown, options?: object) => string
type Row = ReadonlyMap<string, string>

const valueColumn = "Values"
/** More rows than anybody reads; without a bound a table of a big array is a very big line. */
const maxRows = 1000

/** Node's `console.table`: gives the table, or null when `data` has nothing to make rows of. */
export function createTable(inspect: Inspect): (data: unknown, columns: unknown) => string | null {
  return (data, columns) => {
    if (typeof data !== "object" || data === null) return null
    const show = cellText(inspect)
    if (data instanceof Map) return mapTable(data, show)
    if (data instanceof Set) return setTable(data, show)
    return objectTable(data, Array.isArray(columns) ? columns.map(String) : null, show)
  }
}

type Show = (value: unknown) => string

/** Cells show nested values one level less deep when these have many members, as in Node. */
function cellText(inspect: Inspect): Show {
  return (value) => {
    const isWide = typeof value === "object" && value !== null && !Array.isArray(value) && Object.keys(value).length > 2
    const depth = isWide ? -1 : 0
    return inspect(value, { maxArrayLength: 3, breakLength: Infinity, depth })
  }
}

function mapTable(data: ReadonlyMap<unknown, unknown>, show: Show): string {
  const keys: string[] = []
  const values: string[] = []
  for (const [key, value] of data) {
    if (keys.length === maxRows) break
    keys.push(show(key))
    values.push(show(value))
  }
  return render(["(iteration index)", "Key", valueColumn], [keys.map((_, index) => `${index}`), keys, values])
}

function setTable(data: ReadonlySet<unknown>, show: Show): string {
  const values: string[] = []
  for (const value of data) {
    if (values.length === maxRows) break
    values.push(show(value))
  }
  return render(["(iteration index)", valueColumn], [values.map((_, index) => `${index}`), values])
}

function objectTable(data: object, columns: readonly string[] | null, show: Show): string {
  const index = Object.keys(data).slice(0, maxRows)
  const names = new Set<string>(columns ?? [])
  let hasValues = false
  const rows = index.map((key): Row => {
    const item = (data as Readonly<Record<string, unknown>>)[key]
    const isPrimitive = item === null || (typeof item !== "function" && typeof item !== "object")
    if (isPrimitive) {
      hasValues ||= columns === null
      return new Map(columns === null ? [[valueColumn, show(item)]] : [])
    }
    return objectRow(item as Readonly<Record<string, unknown>>, { columns, names, show })
  })
  const heads = hasValues ? [...names, valueColumn] : [...names]
  const cells = heads.map((name) => rows.map((row) => row.get(name) ?? ""))
  return render(["(index)", ...heads], [index, ...cells])
}

interface RowContext {
  readonly columns: readonly string[] | null
  /** Every column that has been seen. */
  readonly names: Set<string>
  readonly show: Show
}

function objectRow(item: Readonly<Record<string, unknown>>, { columns, names, show }: RowContext): Row {
  const row = new Map<string, string>()
  for (const name of columns ?? Object.keys(item)) {
    names.add(name)
    if (Object.hasOwn(item, name)) row.set(name, show(item[name]))
  }
  return row
}

function render(head: readonly string[], columns: readonly (readonly string[])[]): string {
  const widths = head.map((name, index) => Math.max(width(name), ...(columns[index] ?? []).map(width)) + 2)
  const rule = (left: string, middle: string, right: string): string =>
    left + widths.map((count) => "─".repeat(count)).join(middle) + right
  const line = (cells: readonly string[]): string =>
    `│${cells.map((cell, index) => ` ${cell}${" ".repeat((widths[index] ?? 0) - width(cell) - 1)}`).join("│")}│`
  const lines = (columns[0] ?? []).map((_, row) => line(columns.map((column) => column[row] ?? "")))
  return [rule("┌", "┬", "┐"), line(head), rule("├", "┼", "┤"), ...lines, rule("└", "┴", "┘")].join("\n")
}

/** Terminal columns, near enough: marks take none, East Asian wide characters and emoji take two. */
function width(text: string): number {
  let columns = 0
  for (const character of text.normalize("NFC")) {
    if (/^\p{M}|^\p{Cf}|^\p{Cc}/u.test(character)) continue
    columns +=
      /[\u1100-\u115f\u2e80-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6]|\p{Emoji_Presentation}/u.test(
        character,
      )
        ? 2
        : 1
  }
  return columns
}
