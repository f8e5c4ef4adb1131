import { MayflyError } from "@mayfly/protocol"

export interface HistoryOptions {
  /** Runs of one tenant. Default 5,000. */
  readonly maxRunsOfTenant?: number
  /** Runs of all tenants. Default 50,000; whoever has the most loses the oldest. */
  readonly maxRuns?: number
  /** What they may take on disk. Default 256 MiB. */
  readonly maxBytes?: number
  /** Older runs are forgotten. Default 7 days. */
  readonly maxAgeMs?: number
  /** Whether small results are kept. Default true. */
  readonly results?: boolean
}

export interface HistoryRules {
  readonly isOn: boolean
  readonly keepsResults: boolean
  readonly maxRunsOfTenant: number
  readonly maxRuns: number
  readonly maxBytes: number
  readonly maxAgeMs: number
}

const dayMs = 86_400_000
const bounds: Readonly<Record<string, readonly [min: number, max: number]>> = {
  maxRunsOfTenant: [1, 10_000_000],
  maxRuns: [1, 100_000_000],
  maxBytes: [65_536, 2 ** 40],
  maxAgeMs: [1, 3_650 * dayMs],
}

/** Checks untrusted options. Throws `input.invalid`. */
export function parseHistory(given: unknown): HistoryRules {
  if (given !== undefined && given !== false && (typeof given !== "object" || given === null))
    throw invalid("history", "must be false, or an object")
  const options = (given === false ? {} : (given ?? {})) as HistoryOptions
  for (const [name, value] of Object.entries(options)) check(name, value)
  const { maxRunsOfTenant = 5_000, maxRuns = 50_000, maxBytes = 256 << 20, maxAgeMs = 7 * dayMs } = options
  const { results = true } = options
  return { isOn: given !== false, keepsResults: results, maxRunsOfTenant, maxRuns, maxBytes, maxAgeMs }
}

function check(name: string, value: unknown): void {
  if (name === "results") {
    if (typeof value !== "boolean") throw invalid("history.results", "must be true or false")
    return
  }
  const bound = Object.hasOwn(bounds, name) ? bounds[name] : undefined
  if (bound === undefined)
    throw invalid(`history.${name}`, `is not an option; they are ${Object.keys(bounds).join(", ")}, results`)
  const [min, max] = bound
  if (Number.isInteger(value) && Number(value) >= min && Number(value) <= max) return
  throw invalid(`history.${name}`, `must be a whole number from ${min} to ${max}`)
}

function invalid(path: string, problem: string): MayflyError {
  return new MayflyError("input.invalid", `${path} ${problem}`, { details: { path } })
}
