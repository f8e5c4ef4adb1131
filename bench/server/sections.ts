import { figure, ratio, table } from "../report/table.ts"
import { flatMeans } from "./flat.ts"
import type { LoadRow } from "./load.ts"
import type { Overload } from "./overload.ts"
import type { Soak } from "./soak.ts"

export function loadText(rows: readonly LoadRow[]): string {
  const heads = ["", "clients", "runs/s", "to mayfly serve", "p50 ms", "p99 ms", "CPU ms per run", "failed"]
  return table(
    heads,
    rows.map((row) => [
      row.name,
      String(row.connections),
      figure(row.runsPerSecond),
      ratio(row.runsPerSecond, servedRate(rows, row.connections)),
      figure(row.p50Ms),
      figure(row.p99Ms),
      figure(row.cpuMsPerRun),
      String(row.failed),
    ]),
  )
}

export function servedRow(rows: readonly LoadRow[], connections: number, name = "mayfly serve"): LoadRow | undefined {
  return rows.find((row) => row.name === name && row.connections === connections)
}

function servedRate(rows: readonly LoadRow[], connections: number): number | undefined {
  return servedRow(rows, connections)?.runsPerSecond
}

export function overloadText(overload: Overload): string {
  const { refused, refusedWithRetryAfter, errors, crashed } = overload
  return (
    `overload: ${figure(overload.offeredPerSecond)}/s offered, ${figure(overload.answeredPerSecond)}/s done, ${refused} refused ` +
    `(${refusedWithRetryAfter} with Retry-After), ${errors} errors, ${crashed ? "CRASHED" : "no crash"}, ` +
    `back to normal after ${figure(overload.recoveryMs)} ms`
  )
}

/** Every tenth sample. */
export function soakText({ operations, failures, seconds, samples, growth }: Soak): string {
  const rows = samples.filter((_, index) => index % 10 === 9)
  const megabytes = (bytes: number): string => figure(bytes / 2 ** 20)
  const each = (bytes: number): string => `${megabytes(bytes * 10_000)} MB`
  const verdict = growth.isFlat === undefined ? "Too short to tell" : growth.isFlat ? "Flat" : "NOT FLAT"
  return [
    `soak: ${operations} operations in ${figure(seconds)} s, ${failures} that went wrong`,
    table(
      ["operations", "server MB", "its other processes MB", "descriptors"],
      rows.map((one) => [
        String(one.done),
        megabytes(one.serverBytes),
        megabytes(one.otherBytes),
        String(one.descriptors),
      ]),
    ),
    `for each 10,000 operations, from the third quarter to the last (medians): ${each(growth.serverBytes)} in the server, ${each(growth.otherBytes)} in its ` +
      `other processes; ${growth.descriptors} descriptors more. ${verdict} (${flatMeans}).`,
  ].join("\n")
}
