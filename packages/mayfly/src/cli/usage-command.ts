import { jsonLine } from "@mayfly/protocol"
import type { PriceComparison, UsageReport, UsageRow } from "@mayfly/platform"
import type { UsageFlags } from "./account-flags.ts"
import { exitCodes, invalid } from "./command-error.ts"
import type { Api } from "./api.ts"
import { allPages } from "./list-all.ts"
import { type Output, paint } from "./output.ts"
import { printTable } from "./print-table.ts"
import { safeLine } from "./safe-line.ts"
import { withApi } from "./with-api.ts"

type Report = Omit<UsageReport, "cursor"> & { readonly compared?: PriceComparison }

/** `mayfly usage`. Gives the exit code; never rejects. */
export async function usageCommand(flags: UsageFlags, output: Output): Promise<number> {
  const prepare = (): void => {
    if (flags.csv === true && flags.json === true) throw invalid("--csv", "can't be given together with --json")
    if (flags.csv === true && flags.compare === true) throw invalid("--compare", "can't be given together with --csv")
  }
  const act = async (api: Api, _: void, signal: AbortSignal): Promise<number> => {
    const path = `/v1/usage?${queryOf(flags)}`
    if (flags.csv === true) {
      for await (const chunk of await api.stream("GET", path, { accept: "text/csv", signal }))
        output.stdout.write(chunk)
      return exitCodes.ok
    }
    const report = (await allPages(api, path, "rows")) as unknown as Report
    if (flags.json === true) output.stdout.write(jsonLine(report))
    else print(report, output)
    return exitCodes.ok
  }
  return withApi({ flags, output, prepare, act })
}

function queryOf({ tenant, from, to, by, compare }: UsageFlags): string {
  const given = { tenant, from, to, by, ...(compare === true ? { compare: "true" } : {}) }
  const known = Object.entries(given).filter((entry): entry is [string, string] => entry[1] !== undefined)
  return new URLSearchParams(known).toString()
}

function print({ from, to, rows, total, compared }: Report, output: Output): void {
  const { stdout } = output
  const write = (line: string): void => void stdout.write(`${safeLine(line)}\n`)
  stdout.write(`${paint(output, "stdout", "dim", `${from} to ${to}, days in UTC`)}\n`)
  printTable(titles, [...rows.map((row) => cells(nameOf(row), row)), cells("total", total)], output)
  if (compared === undefined) return
  write(`at list prices of ${compared.asOf}, without base fees:`)
  for (const { service, usd, assumes } of compared.services) write(`  ${service}  $${usd.toFixed(6)}  (${assumes})`)
}

function nameOf({ day, tenant, worker }: UsageRow): string {
  const parts = [day, tenant, worker === "" ? "(no worker)" : worker]
  return parts.filter((part) => part !== undefined).join("  ")
}

const titles = ["whose", "runs", "cpu", "wall", "memory", "bytes", "requests", "workflows", "sandboxes"] as const

function cells(name: string, row: Omit<UsageRow, "tenant" | "worker" | "day">): readonly string[] {
  const { runs, failedRuns, cpuMs, wallMs, bytesIn, bytesOut, subRequests } = row
  const { workflowInstances, workflowSteps, sandboxMs } = row
  return [
    name,
    `${runs} runs (${failedRuns} failed)`,
    `cpu ${cpuMs} ms`,
    `wall ${wallMs} ms`,
    `${row.memoryGbMs} GB-ms`,
    `${bytesIn + bytesOut} bytes`,
    subRequests > 0 ? `${subRequests} requests` : "",
    workflowInstances + workflowSteps > 0 ? `${workflowInstances} workflows, ${workflowSteps} steps` : "",
    sandboxMs > 0 ? `sandboxes ${sandboxMs} ms` : "",
  ]
}
