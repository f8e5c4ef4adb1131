import { MayflyError } from "./mayfly-error.ts"

/** What a run may use. `null` lifts `cpuMs`, `wallMs` or `bindingMs`. */
export interface Limits {
  /** The run's own CPU time in milliseconds, over all its turns; waiting and queueing are not counted. */
  readonly cpuMs: number | null
  /** Heap plus ArrayBuffers, strings and WebAssembly memory, in MiB. */
  readonly memoryMb: number
  /** Time from the moment the run has its isolate, in milliseconds. */
  readonly wallMs: number | null
  /** Most outgoing requests, each redirect hop counted. */
  readonly subRequests: number
  /** Most bytes of the encoded result. */
  readonly outputBytes: number
  /** Bytes of log text kept; past it logs are cut, past 16 times that the run ends. */
  readonly logBytes: number
  /** Most outgoing requests under way at once; more wait. */
  readonly concurrentRequests: number
  /** Most calls of bindings. */
  readonly bindingCalls: number
  /** Longest that one call of a binding may take, in milliseconds; past it that call fails. */
  readonly bindingMs: number | null
}

interface LimitRow {
  readonly default: number
  readonly min: number
  readonly max: number
  /** Whether null lifts the limit. */
  readonly nullable: boolean
}

const day = 86_400_000
const mebibyte = 1_048_576

/** Defaults and bounds of every limit. The bounds exist so that a slip (seconds for milliseconds, bytes for MiB) is an error and not a surprise. */
export const limitTable: Readonly<Record<keyof Limits, LimitRow>> = {
  cpuMs: { default: 5_000, min: 1, max: day, nullable: true },
  memoryMb: { default: 128, min: 8, max: 4_096, nullable: false },
  wallMs: { default: 30_000, min: 1, max: 7 * day, nullable: true },
  subRequests: { default: 50, min: 0, max: 100_000, nullable: false },
  outputBytes: { default: 32 * mebibyte, min: 16, max: 512 * mebibyte, nullable: false },
  logBytes: { default: 256 * 1_024, min: 0, max: 64 * mebibyte, nullable: false },
  concurrentRequests: { default: 6, min: 1, max: 1_000, nullable: false },
  bindingCalls: { default: 100_000, min: 0, max: 100_000_000, nullable: false },
  bindingMs: { default: 300_000, min: 1, max: 7 * day, nullable: true },
}

export const defaultLimits: Limits = Object.fromEntries(
  Object.entries(limitTable).map(([name, row]) => [name, row.default]),
) as unknown as Limits

/** Checks untrusted limits over `base`. Throws `input.invalid` naming the field under `path`. */
export function parseLimits(value: unknown, base: Limits = defaultLimits, path = "limits"): Limits {
  if (value === undefined) return base
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw new MayflyError("input.invalid", `${path} must be an object, not ${nameOf(value)}`, { details: { path } })
  }
  const limits: Record<string, number | null> = { ...base }
  for (const [name, given] of Object.entries(value)) {
    if (given !== undefined) limits[name] = parseLimit(name, given, `${path}.${name}`)
  }
  return limits as unknown as Limits
}

function parseLimit(name: string, given: unknown, path: string): number | null {
  if (!Object.hasOwn(limitTable, name)) {
    const known = Object.keys(limitTable).join(", ")
    throw new MayflyError("input.invalid", `${path} is not a limit; the limits are ${known}`, { details: { path } })
  }
  const row = limitTable[name as keyof Limits]
  if (given === null && row.nullable) return null
  const inRange = typeof given === "number" && Number.isFinite(given) && given >= row.min && given <= row.max
  if (inRange && (Number.isInteger(given) || name === "cpuMs")) return given
  const or = row.nullable ? ", or null for no limit" : ""
  throw new MayflyError(
    "input.invalid",
    `${path} must be a whole number from ${row.min} to ${row.max}${or}; it is ${nameOf(given)}`,
    { details: { path, min: row.min, max: row.max, value: typeof given === "number" ? String(given) : nameOf(given) } },
  )
}

function nameOf(value: unknown): string {
  if (typeof value === "number" || value === null || typeof value === "boolean") return String(value)
  if (typeof value === "string") return JSON.stringify(value.slice(0, 60))
  return Array.isArray(value) ? "an array" : `of type ${typeof value}`
}
