import type { ListedRun, RunDetails } from "@mayfly/platform"
import type { RunsAction, RunsFlags } from "./account-flags.ts"
import { errorLine, exitCodeOf, exitCodes } from "./command-error.ts"
import { openApi } from "./open-api.ts"
import { type Output, paint } from "./output.ts"
import { printLog, usageLine } from "./print-run.ts"
import { safeLine } from "./safe-line.ts"

/** `mayfly runs ls|show|cancel`. Gives the exit code; never rejects. */
export async function runsCommand(action: RunsAction, id: string, flags: RunsFlags, output: Output): Promise<number> {
  try {
    await using api = await openApi(flags.data)
    const path = `/v1/runs/${encodeURIComponent(id)}`
    const query = queryOf(flags)
    if (action === "cancel") await api.call("POST", `${path}/cancel?${query}`)
    else if (action === "show") show((await api.call("GET", `${path}?${query}`)) as RunDetails, flags, output)
    else {
      const { runs } = (await api.call("GET", `/v1/runs?${query}`)) as { runs: readonly ListedRun[] }
      for (const run of runs) line(run, flags, output)
    }
    return exitCodes.ok
  } catch (error) {
    output.stderr.write(`${safeLine(errorLine(error))}\n`)
    return exitCodeOf(error)
  }
}

function queryOf({ tenant, status, worker, limit }: RunsFlags): string {
  const given = Object.entries({ tenant, status, worker, limit })
  return new URLSearchParams(given.filter((entry): entry is [string, string] => entry[1] !== undefined)).toString()
}

function line(run: ListedRun, { json }: RunsFlags, { stdout }: Output): void {
  if (json === true) return void stdout.write(`${JSON.stringify(run)}\n`)
  const { id, tenant, worker, status, endedAt } = run
  const at = endedAt === undefined ? "now" : new Date(endedAt).toISOString()
  // A hash is known by its beginning.
  stdout.write(`${safeLine(`${at}  ${id}  ${status}  ${tenant}  ${worker.slice(0, 16)}`)}\n`)
}

function show(run: RunDetails, flags: RunsFlags, output: Output): void {
  line(run, flags, output)
  if (flags.json === true) return
  const { logs = [], usage, error, result } = run
  for (const log of logs) printLog(output, log)
  if (result !== undefined) output.stdout.write(`${safeLine(JSON.stringify(result))}\n`)
  if (error !== undefined)
    output.stderr.write(`${paint(output, "stderr", "red", safeLine(`${error.code}: ${error.message}`))}\n`)
  if (usage !== undefined) output.stderr.write(`${paint(output, "stderr", "dim", usageLine(usage))}\n`)
}
