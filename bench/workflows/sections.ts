import { figure, ratio, table } from "../report/table.ts"
import { contenders } from "./all.ts"
import type { NapFigures } from "./measure-naps.ts"
import type { ResumeRow, SizeRow, SleeperRow } from "./measure-rest.ts"
import type { SpeedRow } from "./measure-speed.ts"
import type { Settings } from "./settings.ts"

const titleOf = (name: string): string => contenders[name]?.title ?? name

export function speedText(rows: readonly SpeedRow[], { counts, steps }: Settings): string {
  const mayfly = rows.find(({ name }) => name === "mayfly")
  const heads = [
    `workflows of ${steps} steps`,
    "ms/step",
    "to Mayfly",
    ...counts.flatMap((n) => [`/s, ${n} at once`, "to Mayfly"]),
  ]
  return table(
    heads,
    rows.map((row) => [
      titleOf(row.name),
      figure(row.stepMs),
      ratio(row.stepMs, mayfly?.stepMs),
      ...counts.flatMap((_count, index) => [
        figure(row.perSecond[index]),
        ratio(row.perSecond[index], mayfly?.perSecond[index]),
      ]),
    ]),
  )
}

export function sleepersText(rows: readonly SleeperRow[], { sleepers }: Settings): string {
  const mayfly = rows.find(({ name }) => name === "mayfly")
  return table(
    [`${sleepers} sleepers of one moment`, "late p50 ms", "p99 ms", "to Mayfly", "most ms"],
    rows.map((row) => [
      titleOf(row.name),
      figure(row.p50Ms),
      figure(row.p99Ms),
      ratio(row.p99Ms, mayfly?.p99Ms),
      figure(row.mostMs),
    ]),
  )
}

export function resumeText(rows: readonly ResumeRow[], { underWay }: Settings): string {
  const mayfly = rows.find(({ name }) => name === "mayfly")
  return table(
    [`${underWay} under way, kill -9, new process`, "first goes on, ms", "all, ms", "to Mayfly"],
    rows.map((row) => [titleOf(row.name), figure(row.firstMs), figure(row.allMs), ratio(row.allMs, mayfly?.allMs)]),
  )
}

export function sizeText(rows: readonly SizeRow[]): string {
  const mayfly = rows.find(({ name }) => name === "mayfly")
  return table(
    ["on disk", "bytes/step", "to Mayfly"],
    rows.map((row) => [titleOf(row.name), figure(row.bytesPerStep), ratio(row.bytesPerStep, mayfly?.bytesPerStep)]),
  )
}

export function napsText({ count, bytesEach, heapBytes }: NapFigures): string {
  return `Mayfly, ${count} sleeping: ${Math.round(bytesEach)} bytes each on disk, heap ${figure(heapBytes / 2 ** 20)} MiB more`
}
