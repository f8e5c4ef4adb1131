import type { DynamicWorkerOptions, NamedWorkerInfo, WorkerVersion } from "@mayfly/platform"
import type { RunJson } from "@mayfly/protocol"
import type { WorkerCall, WorkerFlags } from "./account-flags.ts"
import { errorLine, exitCodeOf, exitCodes } from "./command-error.ts"
import { type Interrupts, listenForInterrupts } from "./interrupts.ts"
import { listAll } from "./list-all.ts"
import { type Api, openApi } from "./open-api.ts"
import { type Output, paint } from "./output.ts"
import { printLog, usageLine } from "./print-run.ts"
import { readPlainJsonOption } from "./read-json-option.ts"
import { readProgram } from "./read-program.ts"
import { parseLimitFlags } from "./run-flags.ts"
import { safeLine } from "./safe-line.ts"

/** `mayfly worker deploy|ls|versions|rollback|run|rm`. Gives the exit code; never rejects. */
export async function workerCommand(call: WorkerCall, flags: WorkerFlags, output: Output): Promise<number> {
  using interrupts = listenForInterrupts()
  try {
    // Before the directory is opened: a wrong option starts nothing.
    const body = await bodyOf(call, flags, interrupts)
    await using api = await openApi(flags.data)
    return await act(api, call, flags, { output, body })
  } catch (error) {
    if (interrupts.exitCode !== undefined) return interrupts.exitCode
    output.stderr.write(`${safeLine(errorLine(error))}\n`)
    return exitCodeOf(error)
  }
}

async function act(
  api: Api,
  call: WorkerCall,
  flags: WorkerFlags,
  { output, body }: { readonly output: Output; readonly body: Record<string, unknown> },
): Promise<number> {
  const query = flags.tenant === undefined ? "" : `tenant=${encodeURIComponent(flags.tenant)}`
  if (call.name === "ls") {
    for (const info of await listAll<NamedWorkerInfo>(api, `/v1/workers?${query}`, "workers"))
      print(info, flags, output)
    return exitCodes.ok
  }
  const path = `/v1/workers/${encodeURIComponent(call.worker)}`
  if (call.name === "run") return printRun((await api.call("POST", `${path}/run`, body)) as RunJson, flags, output)
  if (call.name === "versions") {
    const { versions } = (await api.call("GET", `${path}/versions?${query}`)) as { versions: readonly WorkerVersion[] }
    for (const version of versions) printVersion(version, flags, output)
  } else if (call.name === "rm") await api.call("DELETE", `${path}?${query}`)
  else if (call.name === "deploy") print((await api.call("PUT", path, body)) as NamedWorkerInfo, flags, output)
  else print((await api.call("POST", `${path}/rollback`, body)) as NamedWorkerInfo, flags, output)
  return exitCodes.ok
}

async function bodyOf(call: WorkerCall, flags: WorkerFlags, { signal }: Interrupts): Promise<Record<string, unknown>> {
  const tenant = flags.tenant === undefined ? {} : { tenant: flags.tenant }
  if (call.name === "rollback") return { ...tenant, version: call.version }
  if (call.name === "run")
    return { ...tenant, ...(flags.input === undefined ? {} : { input: readPlainJsonOption("--input", flags.input) }) }
  if (call.name !== "deploy") return {}
  const { modules, ...source } = (await readProgram(call.file, signal)).source
  const { env, language, reuse } = flags
  return {
    ...tenant,
    ...source,
    ...(modules === undefined ? {} : { modules: jsonModules(modules) }),
    ...(env === undefined ? {} : { env: readPlainJsonOption("--env", env) }),
    ...(language === undefined ? {} : { language }),
    ...(reuse === true ? { reuse } : {}),
    limits: parseLimitFlags(flags),
    network: networkOf(flags),
  }
}

/** As the API takes them: bytes are base64. */
function jsonModules(modules: NonNullable<DynamicWorkerOptions["modules"]>): Record<string, unknown> {
  const entries = Object.entries(modules).map(([name, module]): [string, unknown] => {
    if (typeof module === "string") return [name, module]
    const [[kind, content] = ["", ""]] = Object.entries(module) as [string, unknown][]
    const isBytes = content instanceof Uint8Array || content instanceof ArrayBuffer
    return [name, { [kind]: isBytes ? Buffer.from(content as Uint8Array).toString("base64") : content }]
  })
  return Object.fromEntries(entries)
}

function networkOf({ allow = [], policy }: WorkerFlags): Record<string, unknown> {
  const given = policy === undefined ? {} : (readPlainJsonOption("--policy", `@${policy}`) as Record<string, unknown>)
  if (allow.length === 0) return given
  return { ...given, allowedOrigins: [...((given["allowedOrigins"] as unknown[] | undefined) ?? []), ...allow] }
}

function print(info: NamedWorkerInfo, { json }: WorkerFlags, { stdout }: Output): void {
  if (json === true) return void stdout.write(`${JSON.stringify(info)}\n`)
  const { name, version, updatedAt } = info
  stdout.write(`${safeLine(`${new Date(updatedAt).toISOString()}  ${name}  ${version}`)}\n`)
}

function printVersion(version: WorkerVersion, { json }: WorkerFlags, { stdout }: Output): void {
  if (json === true) return void stdout.write(`${JSON.stringify(version)}\n`)
  const mark = version.isCurrent ? "*" : " "
  stdout.write(`${mark} ${new Date(version.createdAt).toISOString()}  ${safeLine(version.version)}\n`)
}

function printRun(run: RunJson, { json }: WorkerFlags, output: Output): number {
  const exitCode = run.ok ? exitCodes.ok : exitCodes.failed
  if (json === true) {
    output.stdout.write(`${JSON.stringify(run)}\n`)
    return exitCode
  }
  for (const log of run.logs) printLog(output, log)
  if (run.result !== undefined) output.stdout.write(`${safeLine(JSON.stringify(run.result))}\n`)
  if (run.error !== undefined)
    output.stderr.write(`${paint(output, "stderr", "red", safeLine(`${run.error.code}: ${run.error.message}`))}\n`)
  output.stderr.write(`${paint(output, "stderr", "dim", usageLine(run.usage))}\n`)
  return exitCode
}
