import type { PriceComparison, UsageReport, UsageRow } from "@mayfly/platform"
import type { UsageFlags } from "./account-flags.ts"
import { errorLine, exitCodeOf, exitCodes, invalid } from "./command-error.ts"
import { openApi } from "./open-api.ts"
import { type Output, paint } from "./output.ts"
import { safeLine } from "./safe-line.ts"

type Report = UsageReport & { readonly compared?: PriceComparison }

/** `mayfly usage`. Gives the exit code; never rejects. */
export async function usageCommand(flags: UsageFlags, output: Output): Promise<number> {
  try {
    if (flags.csv === true && flags.json === true) throw invalid("--csv", "can't be given together with --json")
    if (flags.csv === true && flags.compare === true) throw invalid("--compare", "can't be given together with --csv")
    await using api = await openApi(flags.data)
    const path = `/v1/usage?${queryOf(flags)}`
    if (flags.csv === true) {
      const signal = new AbortController().signal
      for await (const chunk of await api.stream("GET", path, { accept: "text/csv", signal }))
        output.stdout.write(chunk)
      return exitCodes.ok
    }
    const report = (await api.call("GET", path)) as Report
    if (flags.json === true) output.stdout.write(`${JSON.stringify(report)}\n`)
    else print(report, output)
    return exitCodes.ok
  } catch (error) {
    output.stderr.write(`${safeLine(errorLine(error))}\n`)
    return exitCodeOf(error)
  }
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
  for (const row of rows) write(`${nameOf(row)}  ${amounts(row)}`)
  write(`total  ${amounts(total)}`)
  if (compared === undefined) return
  write(`at list prices of ${compared.asOf}, without base fees:`)
  for (const { service, usd, assumes } of compared.services) write(`  ${service}  $${usd.toFixed(6)}  (${assumes})`)
}

function nameOf({ day, tenant, worker }: UsageRow): string {
  const parts = [day, tenant, worker === "" ? "(no worker)" : worker]
  return parts.filter((part) => part !== undefined).join("  ")
}

function amounts(row: Omit<UsageRow, "tenant" | "worker" | "day">): string {
  const { runs, failedRuns, cpuMs, wallMs, bytesIn, bytesOut, subRequests } = row
  const { workflowInstances, workflowSteps, sandboxMs } = row
  const parts = [
    `${runs} runs (${failedRuns} failed)`,
    `cpu ${cpuMs} ms`,
    `wall ${wallMs} ms`,
    `${row.memoryGbMs} GB-ms`,
    `${bytesIn + bytesOut} bytes`,
  ]
  if (subRequests > 0) parts.push(`${subRequests} requests`)
  if (workflowInstances + workflowSteps > 0) parts.push(`${workflowInstances} workflows, ${workflowSteps} steps`)
  if (sandboxMs > 0) parts.push(`sandboxes ${sandboxMs} ms`)
  return parts.join(", ")
}
