import { MayflyError, type SandboxLimits } from "@mayfly/protocol"

interface LimitRow {
  readonly default: number | null
  readonly min: number
  readonly max: number
}

/** Defaults and bounds; a slip such as seconds for milliseconds is an error and not a surprise. */
export const sandboxLimitTable: Readonly<Record<keyof SandboxLimits, LimitRow>> = {
  memoryMb: { default: 1_024, min: 128, max: 262_144 },
  cpus: { default: 2, min: 0.05, max: 256 },
  processes: { default: 512, min: 8, max: 32_768 },
  diskMb: { default: 4_096, min: 16, max: 1_048_576 },
  wallMs: { default: null, min: 100, max: 7 * 86_400_000 },
}

/** Checks untrusted limits and fills in defaults. Throws `input.invalid` naming the field. */
export function parseSandboxLimits(given: unknown): SandboxLimits {
  if (given !== undefined && (typeof given !== "object" || given === null || Array.isArray(given)))
    throw invalid("limits", "must be an object")
  for (const name of Object.keys(given ?? {})) {
    if (!Object.hasOwn(sandboxLimitTable, name))
      throw invalid(
        `limits.${name}`,
        `is not a limit of a sandbox; the limits are ${Object.keys(sandboxLimitTable).join(", ")}`,
      )
  }
  const values = (given ?? {}) as Partial<Record<keyof SandboxLimits, unknown>>
  const limits = Object.entries(sandboxLimitTable).map(([name, row]) => [
    name,
    parseLimit(name, row, values[name as keyof SandboxLimits]),
  ])
  return Object.fromEntries(limits) as SandboxLimits
}

function parseLimit(name: string, row: LimitRow, value: unknown): number | null {
  if (value === undefined) return row.default
  if (value === null && row.default === null) return null
  const isWhole = name === "cpus" || Number.isInteger(value)
  if (typeof value === "number" && isWhole && value >= row.min && value <= row.max) return value
  const kind = name === "cpus" ? "a number" : "a whole number"
  throw invalid(`limits.${name}`, `must be ${kind} from ${row.min} to ${row.max}`)
}

function invalid(path: string, problem: string): MayflyError {
  return new MayflyError("input.invalid", `${path} ${problem}`, { details: { path } })
}
