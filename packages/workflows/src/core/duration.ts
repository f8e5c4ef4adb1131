const units: ReadonlyMap<string, number> = new Map([
  ["millisecond", 1],
  ["second", 1_000],
  ["minute", 60_000],
  ["hour", 3_600_000],
  ["day", 86_400_000],
  ["week", 604_800_000],
  ["month", 2_592_000_000],
  ["year", 31_536_000_000],
])

/** Longest sleep, timeout or delay: as Cloudflare's. */
export const maxDurationMs = 365 * 86_400_000

const pattern = /^(\d{1,15}(?:\.\d{1,9})?)\s*([a-z]+?)s?$/

/**
 * Milliseconds of a duration: a number of milliseconds, or Cloudflare's text form such as "10 seconds" or "1 hour". Undefined for anything else, and for what is
 * negative or longer than 365 days. A month has 30 days and a year 365.
 */
export function parseDuration(value: unknown): number | undefined {
  const ms = typeof value === "string" ? ofText(value) : typeof value === "number" ? value : NaN
  return ms >= 0 && ms <= maxDurationMs ? Math.round(ms) : undefined
}

function ofText(text: string): number {
  const match = text.length > 40 ? null : pattern.exec(text.trim().toLowerCase())
  const unit = units.get(match?.[2] ?? "")
  return match === null || unit === undefined ? NaN : Number(match[1]) * unit
}
