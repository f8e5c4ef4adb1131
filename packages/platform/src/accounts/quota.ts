import { type Limits, limitTable, MayflyError, type TenantQuota, type TenantBudget } from "@mayfly/protocol"

export const amountNames = [
  "runs",
  "cpuMs",
  "memoryGbMs",
  "bytes",
  "subRequests",
  "workflowSteps",
  "sandboxMs",
] as const
export type AmountName = (typeof amountNames)[number]

const counts = ["concurrentRuns", "queuedRuns", "burst", "sandboxes", "workflows", "workers"]
const nullable = ["concurrentRuns", "runsPerSecond", "sandboxes", "workflows", "workers"]
const maxCount = 1_000_000_000

/** Checks an untrusted quota. Throws `input.invalid`. */
export function parseQuota(given: unknown, path = "quota"): TenantQuota {
  const fields = record(given ?? {}, path)
  for (const [name, value] of Object.entries(fields)) {
    const at = `${path}.${name}`
    if (name === "limits") checkLimits(value, at)
    else if (value === null && nullable.includes(name)) continue
    else if (name === "runsPerSecond") checkNumber(value, at, { min: 0.001, max: 1e6 })
    else if (counts.includes(name)) checkCount(value, at, name === "burst" || name === "concurrentRuns" ? 1 : 0)
    else throw invalid(at, `is not a quota; there are ${[...counts, "runsPerSecond", "limits"].join(", ")}`)
  }
  return fields as TenantQuota
}

/** Checks an untrusted budget. Throws `input.invalid`. */
export function parseBudget(given: unknown, path = "budget"): TenantBudget {
  const periods = record(given ?? {}, path)
  for (const [period, budget] of Object.entries(periods)) {
    if (period !== "day" && period !== "month")
      throw invalid(`${path}.${period}`, "is not a period; there are day and month")
    for (const [kind, amounts] of Object.entries(record(budget, `${path}.${period}`))) {
      const at = `${path}.${period}.${kind}`
      if (kind !== "soft" && kind !== "hard") throw invalid(at, "is not a kind of budget; there are soft and hard")
      checkAmounts(record(amounts, at), at)
    }
  }
  return periods as TenantBudget
}

function checkAmounts(amounts: Record<string, unknown>, path: string): void {
  for (const [name, value] of Object.entries(amounts)) {
    if (!(amountNames as readonly string[]).includes(name))
      throw invalid(`${path}.${name}`, `is not an amount; the amounts are ${amountNames.join(", ")}`)
    checkNumber(value, `${path}.${name}`, { min: 0, max: Number.MAX_SAFE_INTEGER })
  }
}

/** No null: a limit that may be lifted is left out. */
function checkLimits(given: unknown, path: string): void {
  for (const [name, value] of Object.entries(record(given, path))) {
    const row = Object.hasOwn(limitTable, name) ? limitTable[name as keyof Limits] : undefined
    if (row === undefined)
      throw invalid(`${path}.${name}`, `is not a limit; the limits are ${Object.keys(limitTable).join(", ")}`)
    checkNumber(value, `${path}.${name}`, row)
  }
}

function checkCount(value: unknown, path: string, min: number): void {
  if (Number.isInteger(value)) return checkNumber(value, path, { min, max: maxCount })
  throw invalid(path, `must be a whole number from ${min} to ${maxCount}`)
}

function checkNumber(value: unknown, path: string, { min, max }: { min: number; max: number }): void {
  if (typeof value === "number" && Number.isFinite(value) && value >= min && value <= max) return
  throw invalid(path, `must be a number from ${min} to ${max}`)
}

function record(value: unknown, path: string): Record<string, unknown> {
  if (typeof value === "object" && value !== null && !Array.isArray(value)) return value as Record<string, unknown>
  throw invalid(path, "must be an object")
}

function invalid(path: string, problem: string): MayflyError {
  return new MayflyError("input.invalid", `${path} ${problem}`, { details: { path } })
}
