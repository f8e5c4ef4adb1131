import type { TenantInfo } from "@mayfly/platform"
import { jsonLine, pathSegment } from "@mayfly/protocol"
import type { TenantsAction, TenantsFlags } from "./account-flags.ts"
import { exitCodes, invalid } from "./command-error.ts"
import { listAll } from "./list-all.ts"
import type { Api } from "./api.ts"
import type { Output } from "./output.ts"
import { type Cell, printTable } from "./print-table.ts"
import { readJsonOption } from "./read-json-option.ts"
import { safeLine } from "./safe-line.ts"
import { withApi } from "./with-api.ts"

/** `mayfly tenants ls|show|set|suspend|resume`. Gives the exit code; never rejects. */
export async function tenantsCommand(
  action: TenantsAction,
  tenant: string,
  flags: TenantsFlags,
  output: Output,
): Promise<number> {
  const act = async (api: Api, body: object): Promise<number> => {
    const path = `/v1/tenants/${pathSegment(tenant)}`
    if (action === "ls") list(await listAll<TenantInfo>(api, "/v1/tenants?", "tenants"), flags, output)
    else if (action === "show") show((await api.call("GET", path)) as TenantInfo, flags, output)
    else show((await api.call("PUT", path, body)) as TenantInfo, flags, output)
    return exitCodes.ok
  }
  return withApi({ flags, output, prepare: () => checked(action, tenant, flags), act })
}

function checked(action: TenantsAction, tenant: string, flags: TenantsFlags): Record<string, unknown> {
  if (action !== "ls" && flags.tenant !== undefined && flags.tenant !== tenant)
    throw invalid("--tenant", `is "${flags.tenant}", and the command is about "${tenant}"`)
  return bodyOf(action, flags)
}

function bodyOf(action: TenantsAction, { quota, budget, reason }: TenantsFlags): Record<string, unknown> {
  if (action === "suspend") return { suspended: true, ...(reason === undefined ? {} : { reason }) }
  if (action === "resume") return { suspended: false }
  if (action !== "set") return {}
  if (quota === undefined && budget === undefined) throw invalid("--quota", "or --budget is needed")
  return {
    ...(quota === undefined ? {} : { quota: readJsonOption("--quota", quota) }),
    ...(budget === undefined ? {} : { budget: readJsonOption("--budget", budget) }),
  }
}

function list(all: readonly TenantInfo[], { json, tenant }: TenantsFlags, output: Output): void {
  const wanted = all.filter(({ id }) => tenant === undefined || id === tenant)
  if (json === true) for (const info of wanted) output.stdout.write(jsonLine(info))
  else printTable(["tenant", "today", "cpu", "running", "waiting", ""], wanted.map(row), output)
}

function row({ id, suspended, used, running, waiting }: TenantInfo): readonly Cell[] {
  const state: Cell = suspended === null ? "" : { text: "suspended", style: "red" }
  return [
    id,
    `${used.day.runs} runs today`,
    `cpu ${used.day.cpuMs} ms`,
    `${running} running`,
    `${waiting} waiting`,
    state,
  ]
}

function show(info: TenantInfo, flags: TenantsFlags, output: Output): void {
  if (flags.json === true) return void output.stdout.write(jsonLine(info))
  list([info], {}, output)
  const { quota, budget, suspended } = info
  const write = (text: string): void => void output.stdout.write(`${safeLine(text)}\n`)
  write(`  quota   ${JSON.stringify(quota)}`)
  write(`  budget  ${JSON.stringify(budget)}`)
  if (suspended !== null) write(`  suspended since ${new Date(suspended.at).toISOString()}  ${suspended.reason}`)
}
