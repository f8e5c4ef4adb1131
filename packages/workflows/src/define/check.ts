import { MayflyError } from "@mayfly/protocol"
import { parseDuration } from "../core/duration.ts"

export function invalid(path: string, problem: string): MayflyError {
  return new MayflyError("input.invalid", `${path} ${problem}`, { details: { path } })
}

export function record(value: unknown, path: string): Record<string, unknown> {
  if (typeof value === "object" && value !== null && !Array.isArray(value)) return value as Record<string, unknown>
  throw invalid(path, `must be an object, not ${nameOf(value)}`)
}

/** A misspelt option must not be ignored in silence. */
export function only(given: Record<string, unknown>, known: readonly string[], path: string): void {
  for (const name of Object.keys(given)) {
    if (!known.includes(name)) {
      const at = path === "" ? name : `${path}.${name}`
      throw invalid(at, `is not an option; the options are ${known.join(", ")}`)
    }
  }
}

export function duration(value: unknown, path: string): number {
  const ms = parseDuration(value)
  if (ms !== undefined) return ms
  throw invalid(path, `must be milliseconds or a text such as "10 seconds", at most 365 days; it is ${nameOf(value)}`)
}

/** Cloudflare's rule for names of steps and events' types. */
export function stepName(value: unknown, path: string): string {
  if (typeof value === "string" && value !== "" && value.length <= 256 && !/[\u0000-\u001f\u007f]/.test(value)) {
    return value
  }
  throw invalid(path, "must be a text of 1 to 256 characters without control characters")
}

const eventTypes = /^[A-Za-z0-9_][A-Za-z0-9_.:-]*$/

export function eventType(value: unknown, path: string): string {
  if (typeof value === "string" && value.length <= 100 && eventTypes.test(value)) return value
  throw invalid(path, "must be 1 to 100 letters, digits, _ . : or -")
}

const ids = /^[a-zA-Z0-9_][a-zA-Z0-9-_]*$/

/** Cloudflare's rule for ids of instances. */
export function instanceId(value: unknown, path = "id"): string {
  if (typeof value === "string" && value.length <= 100 && ids.test(value)) return value
  throw invalid(path, `must be 1 to 100 letters, digits, - or _, not starting with -; it is ${nameOf(value)}`)
}

export function moment(value: unknown, path: string): number {
  const at = value instanceof Date ? value.getTime() : typeof value === "string" ? Date.parse(value) : value
  if (typeof at === "number" && Number.isFinite(at) && at >= 0 && at <= 8.64e15) return Math.round(at)
  throw invalid(path, "must be a Date, epoch milliseconds or an ISO text")
}

export function nameOf(value: unknown): string {
  if (value === null || typeof value === "number" || typeof value === "boolean") return String(value)
  if (typeof value === "string") return JSON.stringify(value.slice(0, 60))
  return Array.isArray(value) ? "an array" : typeof value === "object" ? "an object" : `of type ${typeof value}`
}
