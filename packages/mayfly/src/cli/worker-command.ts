import type { NamedWorkerInfo, WorkerVersion } from "@mayfly/platform"
import { jsonLine, jsonModules, pathSegment, type RunJson } from "@mayfly/protocol"
import type { WorkerCall, WorkerFlags } from "./account-flags.ts"
import { exitCodes } from "./command-error.ts"
import { listAll } from "./list-all.ts"
import type { Api } from "./api.ts"
import { type Output, paint } from "./output.ts"
import { printDone } from "./print-done.ts"
import { printLog, usageLine } from "./print-run.ts"
import { printTable } from "./print-table.ts"
import { readJsonOption } from "./read-json-option.ts"
import { readProgram } from "./read-program.ts"
import { parseLimitFlags } from "./run-flags.ts"
import { safeLine } from "./safe-line.ts"
import { whileSpinning } from "./spinner.ts"
import { withApi } from "./with-api.ts"

/** `mayfly worker deploy|ls|versions|rollback|run|rm`. Gives the exit code; never rejects. */
export async function workerCommand(call: WorkerCall, flags: WorkerFlags, output: Output): Promise<number> {
  return withApi({
    flags,
    output,
    prepare: (signal) => bodyOf(call, flags, signal),
    act: (api, body) => act(api, call, flags, { output, body }),
  })
}

async function act(
  api: Api,
  call: WorkerCall,
  flags: WorkerFlags,
  { output, body }: { readonly output: Output; readonly body: Record<string, unknown> },
): Promise<number> {
  const query = flags.tenant === undefined ? "" : `tenant=${encodeURIComponent(flags.tenant)}`
  if (call.name === "ls") {
    const all = await listAll<NamedWorkerInfo>(api, `/v1/workers?${query}`, "workers")
    if (flags.json === true) for (const info of all) print(info, flags, output)
    else printTable(["updated", "name", "version"], all.map(row), output)
    return exitCodes.ok
  }
  const path = `/v1/workers/${pathSegment(call.worker)}`
  if (call.name === "run") return printRun((await api.call("POST", `${path}/run`, body)) as RunJson, flags, output)
  if (call.name === "versions") {
    const { versions } = (await api.call("GET", `${path}/versions?${query}`)) as { versions: readonly WorkerVersion[] }
    for (const version of versions) printVersion(version, flags, output)
  } else if (call.name === "rm") {
    await api.call("DELETE", `${path}?${query}`)
    printDone(flags, output)
  } else if (call.name === "deploy")
    print(
      (await whileSpinning("deploying", output, () => api.call("PUT", path, body))) as NamedWorkerInfo,
      flags,
      output,
    )
  else print((await api.call("POST", `${path}/rollback`, body)) as NamedWorkerInfo, flags, output)
  return exitCodes.ok
}

async function bodyOf(call: WorkerCall, flags: WorkerFlags, signal: AbortSignal): Promise<Record<string, unknown>> {
  const tenant = flags.tenant === undefined ? {} : { tenant: flags.tenant }
  if (call.name === "rollback") return { ...tenant, version: call.version }
  if (call.name === "run")
    return { ...tenant, ...(flags.input === undefined ? {} : { input: readJsonOption("--input", flags.input) }) }
  if (call.name !== "deploy") return {}
  const { modules, ...source } = (await readProgram(call.file, signal)).source
  const { env, language, reuse } = flags
  return {
    ...tenant,
    ...source,
    ...(modules === undefined ? {} : { modules: jsonModules(modules) }),
    ...(env === undefined ? {} : { env: readJsonOption("--env", env) }),
    ...(language === undefined ? {} : { language }),
    ...(reuse === true ? { reuse } : {}),
    limits: parseLimitFlags(flags),
    network: networkOf(flags),
  }
}

function networkOf({ allow = [], policy }: WorkerFlags): Record<string, unknown> {
  const given = policy === undefined ? {} : (readJsonOption("--policy", `@${policy}`) as Record<string, unknown>)
  if (allow.length === 0) return given
  return { ...given, allowedOrigins: [...((given["allowedOrigins"] as unknown[] | undefined) ?? []), ...allow] }
}

function print(info: NamedWorkerInfo, { json }: WorkerFlags, { stdout }: Output): void {
  if (json === true) return void stdout.write(jsonLine(info))
  stdout.write(`${safeLine(row(info).join("  "))}\n`)
}

function row({ name, version, updatedAt }: NamedWorkerInfo): readonly string[] {
  return [new Date(updatedAt).toISOString(), name, version]
}

function printVersion(version: WorkerVersion, { json }: WorkerFlags, { stdout }: Output): void {
  if (json === true) return void stdout.write(jsonLine(version))
  const mark = version.isCurrent ? "*" : " "
  stdout.write(`${mark} ${new Date(version.createdAt).toISOString()}  ${safeLine(version.version)}\n`)
}

function printRun(run: RunJson, { json }: WorkerFlags, output: Output): number {
  const exitCode = run.ok ? exitCodes.ok : exitCodes.failed
  if (json === true) {
    output.stdout.write(jsonLine(run))
    return exitCode
  }
  for (const log of run.logs) printLog(output, log)
  if (run.result !== undefined) output.stdout.write(`${safeLine(JSON.stringify(run.result))}\n`)
  if (run.error !== undefined)
    output.stderr.write(`${paint(output, "stderr", "red", safeLine(`${run.error.code}: ${run.error.message}`))}\n`)
  output.stderr.write(`${paint(output, "stderr", "dim", usageLine(run.usage))}\n`)
  return exitCode
}
