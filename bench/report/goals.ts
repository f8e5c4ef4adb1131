import type { Results } from "./results.ts"
import { figure } from "./table.ts"

export interface Goal {
  readonly name: string
  readonly goal: string
  readonly measured: string
  /** Undefined when it was not measured. */
  readonly isMet: boolean | undefined
}

const flatness = 0.85

/** What Mayfly wants to reach, against what was measured. */
export function goalsOf(results: Results): Goal[] {
  return [...speedGoals(results), ...memoryGoals(results), ...loadGoals(results), ...bridgeGoals(results)]
}

function speedGoals({ speed }: Results): Goal[] {
  const row = (name: string) => speed?.find((one) => one.name === name)
  const mayfly = row("mayfly")
  const floor = least(row("raw")?.p50Ms, row("raw-sync")?.p50Ms)
  const workerd = most(row("workerd")?.runsPerSecond, row("workerd-inside")?.runsPerSecond)
  const cores = row("workerd-cores")?.runsPerSecond
  const warm = divided(row("mayfly-warm")?.runsPerSecond, row("workerd-warm")?.runsPerSecond)
  return [
    atMost("p50 of a run / raw isolate floor", divided(mayfly?.p50Ms, floor), 1.3, "x"),
    atLeast("runs per second / workerd load(), one process", divided(mayfly?.runsPerSecond, workerd), 3, "x"),
    atLeast("  stretch", divided(mayfly?.runsPerSecond, workerd), 4, "x"),
    {
      name: "  / workerd load(), a process per core",
      goal: "(none)",
      measured: times(mayfly?.runsPerSecond, cores),
      isMet: undefined,
    },
    atMost("CPU per run", mayfly?.cpuMsPerRun, 3, " ms"),
    atLeast("warm runs per second / workerd get(id) over HTTP", warm, 2, "x"),
  ]
}

function memoryGoals({ memory }: Results): Goal[] {
  const inMegabytes = (bytes: number | undefined) => (bytes === undefined ? undefined : bytes / 1_048_576)
  return [
    atMost("memory per idle isolate", inMegabytes(memory?.idleIsolateBytes), 1.5, " MB"),
    atMost("memory of two hosts with full pools", inMegabytes(memory?.hostsFullBytes), 80, " MB"),
  ]
}

function loadGoals({ clients, settings, limits, neighbour }: Results): Goal[] {
  const rates = clients
    ?.find(({ name }) => name === "mayfly")
    ?.values.filter((_rate, index) => (settings.clientCounts[index] ?? 0) >= 8)
  const flat = rates === undefined ? undefined : Math.min(...rates) / Math.max(...rates)
  const beside = neighbour?.beside
  return [
    atLeast("slowest / fastest rate, 8 to 256 clients", flat, flatness, "x"),
    atMost("endless loop: limit to answer, idle (p50)", limits?.idle.p50Ms, 10, " ms"),
    atMost("endless loop: limit to answer, beside 50 (p50)", limits?.besideOthers.p50Ms, 30, " ms"),
    below("neighbour test: p99 of tenant B", beside?.p99Ms, 150, " ms"),
    atMost("neighbour test: failures of tenant B", beside?.failures.length, 0, ""),
  ]
}

function bridgeGoals({ bridge }: Results): Goal[] {
  const mayfly = bridge?.find(({ name }) => name === "Mayfly")
  return [
    below("call of a binding (p50)", mayfly?.callP50Ms, 0.2, " ms"),
    atLeast("calls per second, 100 at once", mayfly?.callsPerSecond, 10_000, ""),
    atLeast("response bodies", mayfly?.downMegabytesPerSecond, 500, " MB/s"),
    atLeast("request bodies", mayfly?.upMegabytesPerSecond, 500, " MB/s"),
  ]
}

export function atMost(name: string, value: number | undefined, limit: number, unit: string): Goal {
  return goal(name, `<= ${limit}${unit}`, value, unit, value === undefined ? undefined : value <= limit)
}

export function below(name: string, value: number | undefined, limit: number, unit: string): Goal {
  return goal(name, `< ${limit}${unit}`, value, unit, value === undefined ? undefined : value < limit)
}

export function atLeast(name: string, value: number | undefined, limit: number, unit: string): Goal {
  return goal(name, `>= ${limit}${unit}`, value, unit, value === undefined ? undefined : value >= limit)
}

function goal(name: string, wanted: string, value: number | undefined, unit: string, isMet: boolean | undefined): Goal {
  const isUnknown = value === undefined || !Number.isFinite(value)
  return {
    name,
    goal: wanted,
    measured: isUnknown ? "-" : `${figure(value)}${unit}`,
    isMet: isUnknown ? undefined : isMet,
  }
}

function times(value: number | undefined, base: number | undefined): string {
  const quotient = divided(value, base)
  return quotient === undefined ? "-" : `${figure(quotient)}x`
}

export function divided(value: number | undefined, base: number | undefined): number | undefined {
  return value === undefined || base === undefined ? undefined : value / base
}

function least(...values: readonly (number | undefined)[]): number | undefined {
  const known = values.filter((value) => value !== undefined)
  return known.length === 0 ? undefined : Math.min(...known)
}

export function most(...values: readonly (number | undefined)[]): number | undefined {
  const known = values.filter((value) => value !== undefined)
  return known.length === 0 ? undefined : Math.max(...known)
}
