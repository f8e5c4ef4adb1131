import { buffer } from "node:stream/consumers"
import { answerError, jsonLine, pathSegment, serverEvents, toTaggedJson } from "@mayfly/protocol"
import { exitCodes, invalid, reportFailure } from "./command-error.ts"
import { type Interrupts, listenForInterrupts } from "./interrupts.ts"
import type { Api } from "./api.ts"
import { openApi } from "./open-api.ts"
import type { Output } from "./output.ts"
import { printTable } from "./print-table.ts"
import { printable } from "./printable.ts"
import { safeLine } from "./safe-line.ts"
import { sandboxCopy } from "./sandbox-copy.ts"
import type { SandboxCall, SandboxFlags } from "./sandbox-flags.ts"
import { type Row, rowsOf, titlesOf } from "./sandbox-rows.ts"
import { sandboxPath } from "./sandbox-path.ts"
import { sandboxTerminal } from "./sandbox-terminal.ts"
import { whileSpinning } from "./spinner.ts"

interface Context {
  readonly api: Api
  readonly flags: SandboxFlags
  readonly output: Output
  readonly signal: AbortSignal
}

/** `mayfly sandbox …`. Gives the exit code, of `exec` and `sh` that of the command inside; never rejects. */
export async function sandboxCommand(call: SandboxCall, flags: SandboxFlags, output: Output): Promise<number> {
  using interrupts: Interrupts = listenForInterrupts()
  try {
    const body = await bodyOf(call, flags)
    await using api = await openApi(flags)
    return await act(call, body, { api, flags, output, signal: interrupts.signal })
  } catch (error) {
    if (interrupts.exitCode !== undefined) return interrupts.exitCode
    return reportFailure(error, flags, output)
  }
}

async function act(call: SandboxCall, body: object, context: Context): Promise<number> {
  const { api, flags } = context
  const long = <T>(text: string, work: () => Promise<T>): Promise<T> => whileSpinning(text, context.output, work)
  const at = (rest: string, id = "id" in call ? (call.id ?? "") : ""): string => sandboxPath(id, rest, flags)
  switch (call.name) {
    case "create":
      return print(context, await long("making a sandbox", () => api.call("POST", at("", ""), body)), "id")
    case "fork":
      return print(context, await long("copying files", () => api.call("POST", at("/fork", call.from), body)), "id")
    case "ls":
      return list(context, at(""), "sandboxes")
    case "exec":
      return flags.detach === true ? detach(at("/processes"), body, context) : exec(at("/exec"), body, context)
    case "sh":
      return sandboxTerminal(call.id, call.words, context)
    case "cp":
      return print(context, await sandboxCopy(call.from, call.to, context), undefined)
    case "rm":
      return print(context, await api.call("DELETE", at("")), undefined)
    case "stop":
      return print(context, await api.call("POST", at("/stop")), undefined)
    case "ps":
      return list(context, at("/processes"), "processes")
    case "logs":
      return logs(at(`/processes/${pathSegment(call.process)}/logs`), context)
    case "kill":
      return print(context, await api.call("POST", at(`/processes/${pathSegment(call.process)}/kill`), body), undefined) // oxfmt-ignore
    case "expose":
      return expose(at("/ports"), body, context)
    case "unexpose":
      return print(context, await api.call("DELETE", at(`/ports/${pathSegment(call.port)}`)), undefined)
    case "snapshot":
      return snapshot(at("/snapshots"), context)
    case "snapshots":
      return list(context, sandboxPath("", "", flags).replace("/v1/sandboxes", "/v1/snapshots"), "snapshots")
  }
}

/** Before anything is opened: a wrong option starts nothing. */
async function bodyOf(call: SandboxCall, flags: SandboxFlags): Promise<object> {
  const { tenant, cwd, timeout, stdin, ttl, signal } = flags
  switch (call.name) {
    case "create":
      return {
        ...madeOf(call.id, flags),
        ...(tenant === undefined ? {} : { tenant }),
        ...(flags.from === undefined ? {} : { from: flags.from }),
        ...(flags.provider === undefined ? {} : { provider: flags.provider }),
        env: variablesOf(flags),
      }
    case "fork":
      return { ...madeOf(call.id, flags), ...(flags.env === undefined ? {} : { env: variablesOf(flags) }) }
    case "exec":
      return {
        command: call.words.length === 1 ? call.words[0] : call.words,
        env: variablesOf(flags),
        ...(cwd === undefined ? {} : { cwd }),
        ...(timeout === undefined ? {} : { timeoutMs: numberOf("--timeout", timeout) }),
        ...(stdin === true ? { stdin: toTaggedJson(new Uint8Array(await buffer(process.stdin))) } : {}),
      }
    case "sh":
      if (flags.json === true)
        throw invalid("--json", "is for commands that print something; `sandbox sh` is a terminal")
      return {}
    case "expose":
      return {
        port: numberOf("PORT", call.port),
        ...(ttl === undefined ? {} : { ttlMs: numberOf("--ttl", ttl) * 1_000 }),
      }
    case "kill":
      return signal === undefined ? {} : { signal: signal.startsWith("SIG") ? signal : `SIG${signal}` }
    default:
      return {}
  }
}

function madeOf(id: string | undefined, { allow, memory }: SandboxFlags): object {
  return {
    ...(id === undefined ? {} : { id }),
    ...(allow === undefined ? {} : { network: { allowedOrigins: allow } }),
    ...(memory === undefined ? {} : { limits: { memoryMb: numberOf("--memory", memory) } }),
  }
}

async function exec(path: string, body: object, { api, output, signal, flags }: Context): Promise<number> {
  if (flags.json === true) {
    const asked = { accept: "application/json", body: [Buffer.from(JSON.stringify(body))], signal }
    const result = JSON.parse(String(await buffer(await api.stream("POST", path, asked)))) as { exitCode: number }
    output.stdout.write(jsonLine(result))
    return result.exitCode
  }
  const asked = { accept: "text/event-stream", body: [Buffer.from(JSON.stringify(body))], signal }
  for await (const { event, data } of serverEvents(await api.stream("POST", path, asked))) {
    if (event === "error") throw answerError(data)
    if (event === "result") return (data as { exitCode: number }).exitCode
    await show(data as OutputChunk, output)
  }
  throw new Error("the answer ended before the command did")
}

interface OutputChunk {
  readonly stream: "stdout" | "stderr"
  readonly text: string
}

async function show({ stream, text }: OutputChunk, output: Output): Promise<void> {
  const to = output[stream]
  // A terminal does what it is told; a program in a sandbox is nobody to tell it anything.
  if (!to.write(to.isTTY ? printable(text, false) : text)) await new Promise((resolve) => to.once("drain", resolve))
}

async function detach(path: string, body: object, context: Context): Promise<number> {
  const { stdin: _stdin, ...rest } = body as Record<string, unknown>
  needServer(context, "exec --detach", "the process would end with this command")
  return print(context, await context.api.call("POST", path, rest), "id")
}

async function logs(path: string, { api, flags, output, signal }: Context): Promise<number> {
  if (flags.follow !== true) {
    const { logs: kept } = (await api.call("GET", path)) as { logs: OutputChunk[] }
    for (const chunk of kept)
      if (flags.json === true) output.stdout.write(jsonLine(chunk))
      else await show(chunk, output)
    return exitCodes.ok
  }
  for await (const { event, data } of api.events(path, signal)) {
    if (event === "error") throw answerError(data)
    if (flags.json === true) output.stdout.write(jsonLine(data))
    else if (event === "output") await show(data as OutputChunk, output)
  }
  return exitCodes.ok
}

async function expose(path: string, body: object, context: Context): Promise<number> {
  needServer(context, "expose", "the address would end with this command")
  return print(context, await context.api.call("POST", path, body), "url")
}

async function snapshot(path: string, context: Context): Promise<number> {
  const { api, flags, output } = context
  if (flags.rm === undefined)
    return print(context, await whileSpinning("copying files", output, () => api.call("POST", path)), "id")
  const one = sandboxPath("", "", flags).replace("/v1/sandboxes", `/v1/snapshots/${pathSegment(flags.rm)}`)
  return print(context, await api.call("DELETE", one), undefined)
}

function needServer({ api }: Context, what: string, why: string): void {
  if (!api.isLasting) throw invalid(what, `needs a server that owns the data directory (mayfly serve): ${why}`)
}

/** With --json all of it, else the field that a script would want. */
function print({ flags, output }: Context, made: unknown, field: "id" | "url" | undefined): number {
  if (flags.json === true) output.stdout.write(jsonLine(made ?? { ok: true }))
  else if (field !== undefined) output.stdout.write(`${safeLine(String((made as Record<string, unknown>)[field]))}\n`)
  return exitCodes.ok
}

async function list({ api, flags, output }: Context, path: string, name: keyof typeof rowsOf): Promise<number> {
  const rows: Row[] = []
  let cursor = ""
  do {
    const next = cursor === "" ? path : `${path}${path.includes("?") ? "&" : "?"}cursor=${encodeURIComponent(cursor)}`
    const page = (await api.call("GET", next)) as Record<string, unknown>
    rows.push(...((page[name] as Row[] | undefined) ?? []))
    cursor = typeof page["cursor"] === "string" ? page["cursor"] : ""
  } while (cursor !== "")
  if (flags.json === true) for (const row of rows) output.stdout.write(jsonLine(row))
  else printTable(titlesOf[name], rows.map(rowsOf[name]), output)
  return exitCodes.ok
}

/** What belongs to one sandbox is little, and comes as a whole. */
function variablesOf({ env = [] }: SandboxFlags): Record<string, string> {
  return Object.fromEntries(
    env.map((given) => {
      const at = given.indexOf("=")
      if (at < 1) throw invalid("--env", `must be NAME=VALUE, not "${given}"`)
      return [given.slice(0, at), given.slice(at + 1)]
    }),
  )
}

function numberOf(option: string, text: string): number {
  if (/^\d{1,10}$/.test(text)) return Number(text)
  throw invalid(option, `must be a whole number, not "${text}"`)
}
