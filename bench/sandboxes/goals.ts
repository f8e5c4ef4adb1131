import type { Goal } from "../report/goals.ts"
import { figure } from "../report/table.ts"
import type { EgressRates } from "./egress-rates.ts"

export interface Spread {
  readonly p50Ms: number
  readonly p99Ms: number
  readonly count: number
}

/** Everything that one call of the bench found out; the JSON file. By the name of the contender. */
export interface SandboxResults {
  readonly commit: string
  readonly command: string
  readonly date: string
  /** Of the minute before: above about 0.5 something else was at work. */
  readonly load: number
  /** What was left out, and why. */
  readonly skipped: Readonly<Record<string, string>>
  readonly start: Readonly<Record<string, Spread>>
  readonly exec: Readonly<Record<string, Spread>>
  readonly atOnce: Readonly<Record<string, number>>
  readonly memory: Readonly<Record<string, number>>
  readonly diskMebibytesPerSecond: Readonly<Record<string, number>>
  readonly files: Readonly<
    Record<"writeMebibytesPerSecond" | "readMebibytesPerSecond" | "outputMebibytesPerSecond", number>
  >
  readonly egress: EgressRates | undefined
  readonly copies: Readonly<Record<string, number>>
}

export function goalsOf({ start, exec, memory, egress, copies }: SandboxResults): readonly Goal[] {
  const started = start["mayfly"]?.p50Ms
  const ran = exec["mayfly"]?.p50Ms
  const rate = egress?.sandboxTunnel
  return [
    atMost("create and first command, with a way out (p50)", started, 150, " ms"),
    atLeast("  docker run / that", divided(start["docker-run"]?.p50Ms, started), 3, "x"),
    atLeast("docker exec / exec (p50)", divided(exec["docker"]?.p50Ms, ran), 20, "x"),
    atLeast("  Docker's API / exec", divided(exec["docker-api"]?.p50Ms, ran), 20, "x"),
    atMost("memory of an idle sandbox", divided(memory["mayfly"], 1e6), 12, " MB"),
    atLeast("egress / plain proxy on loopback", divided(rate, egress?.plainProxy), 0.6, "x"),
    atLeast("  egress / no proxy at all", divided(rate, egress?.direct), 0.6, "x"),
    atMost("fork of 10,000 files", copies["fork"], 200, " ms"),
  ]
}

function atMost(name: string, value: number | undefined, limit: number, unit: string): Goal {
  return goal(name, `<= ${limit}${unit}`, value, { unit, isMet: (measured) => measured <= limit })
}

function atLeast(name: string, value: number | undefined, limit: number, unit: string): Goal {
  return goal(name, `>= ${limit}${unit}`, value, { unit, isMet: (measured) => measured >= limit })
}

function goal(
  name: string,
  wanted: string,
  value: number | undefined,
  { unit, isMet }: { readonly unit: string; readonly isMet: (measured: number) => boolean },
): Goal {
  if (value === undefined || !Number.isFinite(value)) return { name, goal: wanted, measured: "-", isMet: undefined }
  return { name, goal: wanted, measured: `${figure(value)}${unit}`, isMet: isMet(value) }
}

function divided(value: number | undefined, base: number | undefined): number | undefined {
  return value === undefined || base === undefined ? undefined : value / base
}
