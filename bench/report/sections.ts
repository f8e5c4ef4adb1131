import { contenders } from "../contenders/all.ts"
import type { BridgeRow } from "../measure/bridge.ts"
import type { LimitFigures, StopFigures } from "../measure/limits.ts"
import type { MemoryFigures } from "../measure/memory.ts"
import type { NeighbourFigures, PacedFigures } from "../measure/neighbour.ts"
import type { ScaleRow } from "../measure/scale.ts"
import type { SpeedRow } from "../measure/speed.ts"
import { type Goal, goalsOf } from "./goals.ts"
import type { Machine } from "./machine.ts"
import type { Results } from "./results.ts"
import { figure, megabytes, ratio, table } from "./table.ts"

const titleOf = (name: string): string => contenders[name]?.title ?? name

export function machineText(machine: Machine, commit: string): string {
  const { cores, cpu, memoryGb, system, node, v8, jail, peers, loadBefore } = machine
  const load = loadBefore > 0.5 ? `\nload before the start: ${figure(loadBefore)}; compare ratios, not times` : ""
  const others = Object.entries(peers).map(([name, version]) => `${name}: ${version}`)
  return `${cores} cores ${cpu}, ${memoryGb} GB, ${system}\nnode ${node}, V8 ${v8}, jail ${jail}, commit ${commit}\n${others.join(", ")}${load}`
}

export function speedText(rows: readonly SpeedRow[], clients: number): string {
  const mayfly = rows.find(({ name }) => name === "mayfly")
  const heads = [
    "one fresh run",
    "p50 ms",
    "p99 ms",
    "to Mayfly",
    `runs/s (${clients})`,
    "to Mayfly",
    "CPU ms/run",
    "with driver",
  ]
  return table(
    heads,
    rows.map((row) => [
      titleOf(row.name),
      figure(row.p50Ms),
      contenders[row.name]?.title.includes("(mean)") ? "-" : figure(row.p99Ms),
      ratio(row.p50Ms, mayfly?.p50Ms),
      figure(row.runsPerSecond),
      ratio(row.runsPerSecond, mayfly?.runsPerSecond),
      figure(row.cpuMsPerRun),
      figure(row.cpuMsPerRunWithDriver),
    ]),
  )
}

/** A row per contender, a column per step, each value with its ratio to Mayfly's where there is more than one row. */
export function scaleText(rows: readonly ScaleRow[], what: string, steps: readonly string[]): string {
  const mayfly = rows.find(({ name }) => name === "mayfly")
  const cell = (row: ScaleRow, index: number): string => {
    const value = row.values[index]
    return row === mayfly ? figure(value) : `${figure(value)} (${ratio(value, mayfly?.values[index])})`
  }
  return table(
    [what, ...steps],
    rows.map((row) => [titleOf(row.name), ...steps.map((_step, index) => cell(row, index))]),
  )
}

export function memoryText(memory: MemoryFigures): string {
  const { hosts, isolatesPerHost } = memory
  const rows = [
    [`Mayfly, ${hosts} hosts with ${isolatesPerHost} isolates each`, megabytes(memory.hostsFullBytes)],
    [`Mayfly, ${hosts} hosts without isolates`, megabytes(memory.hostsEmptyBytes)],
    ["Mayfly, one more idle isolate", megabytes(memory.idleIsolateBytes)],
    ["Mayfly, (with - without isolates) / isolates", megabytes(memory.idleIsolateAtDefaultBytes)],
    ["Mayfly, one run that awaits a timer", megabytes(memory.runningIsolateBytes)],
    ["Mayfly, compiler process", megabytes(memory.compilerBytes)],
    ...Object.entries(memory.others).map(([name, bytes]) => [`${titleOf(name)}: one isolate`, megabytes(bytes)]),
  ]
  return table(["memory (PSS)", ""], rows)
}

export function limitsText({ cpuMs, idle, besideOthers }: LimitFigures): string {
  const row = (title: string, stop: StopFigures): string[] => [
    title,
    figure(stop.p50Ms),
    figure(stop.maxMs),
    figure(stop.overP50Ms),
    figure(stop.overMaxMs),
  ]
  return table(
    [`while (true), cpuMs ${cpuMs}`, "limit to answer, p50 ms", "max", "CPU over, p50 ms", "max"],
    [row("on an idle machine", idle), row("beside other endless loops", besideOthers)],
  )
}

export function neighbourText({ alone, beside, endings, hostileMs }: NeighbourFigures): string {
  const row = (title: string, { runs, p50Ms, p99Ms, maxMs, failures }: PacedFigures): string[] => [
    title,
    `${runs}`,
    figure(p50Ms),
    figure(p99Ms),
    figure(maxMs),
    failures.length === 0 ? "0" : `${failures.length}: ${[...new Set(failures)].join(", ")}`,
  ]
  const heads = ["tenant B, a run every 5 ms", "runs", "p50 ms", "p99 ms", "max ms", "failed"]
  const ends = Object.entries(endings).map(([code, count]) => `${count} ${code}`)
  return `${table(heads, [row("alone", alone), row("beside tenant A", beside)])}
tenant A's runs took ${figure(hostileMs / 1_000)} s and ended: ${ends.join(", ")}`
}

export function bridgeText(rows: readonly BridgeRow[]): string {
  const heads = ["calls of a binding, and bodies", "call p50 ms", "mean", "calls/s (100)", "MB/s down", "MB/s up"]
  return table(
    heads,
    rows.map((row) => [
      row.name,
      figure(row.callP50Ms),
      figure(row.callMeanMs),
      figure(row.callsPerSecond),
      figure(row.downMegabytesPerSecond),
      figure(row.upMegabytesPerSecond),
    ]),
  )
}

/** Goals whose section was not asked for are left out. */
export function goalsText(results: Results): string {
  return goalsTable(goalsOf(results))
}

export function goalsTable(goals: readonly Goal[]): string {
  const measured = goals.filter((goal) => goal.measured !== "-")
  const rows = measured.map(({ name, goal, measured, isMet }) => [
    name,
    goal,
    measured,
    isMet === undefined ? "-" : isMet ? "met" : "NOT MET",
  ])
  return table(["goal", "wanted", "measured", ""], rows)
}
