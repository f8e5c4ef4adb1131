import type { TenantInfo } from "@mayfly/platform"
import type { TenantsAction, TenantsFlags } from "./account-flags.ts"
import { errorLine, exitCodeOf, exitCodes, invalid } from "./command-error.ts"
import { listAll } from "./list-all.ts"
import { openApi } from "./open-api.ts"
import { type Output, paint } from "./output.ts"
import { readPlainJsonOption } from "./read-json-option.ts"
import { safeLine } from "./safe-line.ts"

/** `mayfly tenants ls|show|set|suspend|resume`. Gives the exit code; never rejects. */
export async function tenantsCommand(
  action: TenantsAction,
  tenant: string,
  flags: TenantsFlags,
  output: Output,
): Promise<number> {
  try {
    // Before the directory is opened: a wrong option starts nothing.
    const body = bodyOf(action, flags)
    await using api = await openApi(flags.data)
    const path = `/v1/tenants/${encodeURIComponent(tenant)}`
    if (action === "ls")
      for (const one of await listAll<TenantInfo>(api, "/v1/tenants?", "tenants")) line(one, flags, output)
    else if (action === "show") show((await api.call("GET", path)) as TenantInfo, flags, output)
    else show((await api.call("PUT", path, body)) as TenantInfo, flags, output)
    return exitCodes.ok
  } catch (error) {
    output.stderr.write(`${safeLine(errorLine(error))}\n`)
    return exitCodeOf(error)
  }
}

function bodyOf(action: TenantsAction, { quota, budget, reason }: TenantsFlags): Record<string, unknown> {
  if (action === "suspend") return { suspended: true, ...(reason === undefined ? {} : { reason }) }
  if (action === "resume") return { suspended: false }
  if (action !== "set") return {}
  if (quota === undefined && budget === undefined) throw invalid("--quota", "or --budget is needed")
  return {
    ...(quota === undefined ? {} : { quota: readPlainJsonOption("--quota", quota) }),
    ...(budget === undefined ? {} : { budget: readPlainJsonOption("--budget", budget) }),
  }
}

function line(info: TenantInfo, { json }: TenantsFlags, output: Output): void {
  if (json === true) return void output.stdout.write(`${JSON.stringify(info)}\n`)
  const { id, suspended, used, running, waiting } = info
  const state = suspended === null ? "" : paint(output, "stdout", "red", "  suspended")
  const text = safeLine(
    `${id}  ${used.day.runs} runs today, cpu ${used.day.cpuMs} ms; ${running} running, ${waiting} waiting`,
  )
  output.stdout.write(`${text}${state}\n`)
}

function show(info: TenantInfo, flags: TenantsFlags, output: Output): void {
  line(info, flags, output)
  if (flags.json === true) return
  const { quota, budget, suspended } = info
  const write = (text: string): void => void output.stdout.write(`${safeLine(text)}\n`)
  write(`  quota   ${JSON.stringify(quota)}`)
  write(`  budget  ${JSON.stringify(budget)}`)
  if (suspended !== null) write(`  suspended since ${new Date(suspended.at).toISOString()}  ${suspended.reason}`)
}
