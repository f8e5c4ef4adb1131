const dayMs = 86_400_000

export type PeriodName = "day" | "month"

/** A UTC day as the number of days since 1970. */
export function dayOf(time: number): number {
  return Math.floor(time / dayMs)
}

export function dayText(day: number): string {
  return new Date(day * dayMs).toISOString().slice(0, 10)
}

export function firstDayOf(period: PeriodName, day: number): number {
  if (period === "day") return day
  const date = new Date(day * dayMs)
  return dayOf(Date.UTC(date.getUTCFullYear(), date.getUTCMonth(), 1))
}

/** When the period that holds a day is over, in epoch milliseconds. */
export function endOf(period: PeriodName, day: number): number {
  if (period === "day") return (day + 1) * dayMs
  const date = new Date(day * dayMs)
  return Date.UTC(date.getUTCFullYear(), date.getUTCMonth() + 1, 1)
}
