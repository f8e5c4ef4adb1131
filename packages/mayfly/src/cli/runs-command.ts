import type { ListedRun, RunDetails } from "@mayfly/platform"
import { jsonLine, pathSegment } from "@mayfly/protocol"
import type { RunsAction, RunsFlags } from "./account-flags.ts"
import { exitCodes } from "./command-error.ts"
import type { Api } from "./api.ts"
import { type Output, paint } from "./output.ts"
import { printDone } from "./print-done.ts"
import { printLog, usageLine } from "./print-run.ts"
import { type Cell, printTable } from "./print-table.ts"
import { safeLine } from "./safe-line.ts"
import { withApi } from "./with-api.ts"

/** `mayfly runs ls|show|cancel`. Gives the exit code; never rejects. */
export async function runsCommand(action: RunsAction, id: string, flags: RunsFlags, output: Output): Promise<number> {
  const act = async (api: Api): Promise<number> => {
    const path = `/v1/runs/${pathSegment(id)}`
    const query = queryOf(flags)
    if (action === "cancel") {
      await api.call("POST", `${path}/cancel?${query}`)
      printDone(flags, output)
    } else if (action === "show") show((await api.call("GET", `${path}?${query}`)) as RunDetails, flags, output)
    else {
      const { runs } = (await api.call("GET", `/v1/runs?${query}`)) as { runs: readonly ListedRun[] }
      if (flags.json === true) for (const run of runs) output.stdout.write(jsonLine(run))
      else printTable(["ended", "id", "status", "tenant", "worker"], runs.map(row), output)
    }
    return exitCodes.ok
  }
  return withApi({ flags, output, prepare: () => {}, act })
}

function queryOf({ tenant, status, worker, limit }: RunsFlags): string {
  const given = Object.entries({ tenant, status, worker, limit })
  return new URLSearchParams(given.filter((entry): entry is [string, string] => entry[1] !== undefined)).toString()
}

const styles: Readonly<Record<string, "green" | "red" | "yellow">> = {
  succeeded: "green",
  failed: "red",
  cancelled: "yellow",
}

function row({ id, tenant, worker, status, endedAt }: ListedRun): readonly Cell[] {
  const at = endedAt === undefined ? "now" : new Date(endedAt).toISOString()
  const style = styles[status]
  // A hash is known by its beginning.
  return [at, id, style === undefined ? status : { text: status, style }, tenant, worker.slice(0, 16)]
}

function show(run: RunDetails, flags: RunsFlags, output: Output): void {
  if (flags.json === true) return void output.stdout.write(jsonLine(run))
  printTable(["ended", "id", "status", "tenant", "worker"], [row(run)], output)
  const { logs = [], usage, error, result } = run
  for (const log of logs) printLog(output, log)
  if (result !== undefined) output.stdout.write(`${safeLine(JSON.stringify(result))}\n`)
  if (error !== undefined)
    output.stderr.write(`${paint(output, "stderr", "red", safeLine(`${error.code}: ${error.message}`))}\n`)
  if (usage !== undefined) output.stderr.write(`${paint(output, "stderr", "dim", usageLine(usage))}\n`)
}
