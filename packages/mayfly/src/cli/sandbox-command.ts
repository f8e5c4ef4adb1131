import { statSync } from "node:fs"
import { open, rename, rm } from "node:fs/promises"
import { basename, join } from "node:path"
import { buffer } from "node:stream/consumers"
import { toTaggedJson } from "@mayfly/protocol"
import type { SandboxSummary } from "@mayfly/platform"
import { errorLine, exitCodeOf, exitCodes, invalid } from "./command-error.ts"
import { type Interrupts, listenForInterrupts } from "./interrupts.ts"
import { listAll } from "./list-all.ts"
import { type Api, apiError, openApi } from "./open-api.ts"
import type { Output } from "./output.ts"
import { printable } from "./printable.ts"
import { safeLine } from "./safe-line.ts"
import type { SandboxCall, SandboxFlags } from "./sandbox-flags.ts"
import { serverEvents } from "./server-events.ts"

interface Context {
  readonly api: Api
  readonly flags: SandboxFlags
  readonly output: Output
  readonly signal: AbortSignal
}

/** `mayfly sandbox …`. Gives the exit code, of `exec` that of the command inside; never rejects. */
export async function sandboxCommand(call: SandboxCall, flags: SandboxFlags, output: Output): Promise<number> {
  using interrupts: Interrupts = listenForInterrupts()
  try {
    const body = await bodyOf(call, flags)
    await using api = await openApi(flags.data)
    return await act(call, body, { api, flags, output, signal: interrupts.signal })
  } catch (error) {
    if (interrupts.exitCode !== undefined) return interrupts.exitCode
    output.stderr.write(`${safeLine(errorLine(error))}\n`)
    return exitCodeOf(error)
  }
}

async function act(call: SandboxCall, body: object, context: Context): Promise<number> {
  const { api, flags, output } = context
  switch (call.name) {
    case "create": {
      const made = (await api.call("POST", "/v1/sandboxes", body)) as { id: string }
      output.stdout.write(`${flags.json === true ? JSON.stringify(made) : safeLine(made.id)}\n`)
      return exitCodes.ok
    }
    case "ls": {
      const query = flags.tenant === undefined ? "" : `tenant=${encodeURIComponent(flags.tenant)}`
      const sandboxes = await listAll<SandboxSummary>(api, `/v1/sandboxes?${query}`, "sandboxes")
      for (const one of sandboxes) output.stdout.write(`${flags.json === true ? JSON.stringify(one) : lineOf(one)}\n`)
      return exitCodes.ok
    }
    case "exec":
      return exec(call.id, body, context)
    case "cp":
      await copy(call, context)
      return exitCodes.ok
    case "rm":
      await api.call("DELETE", pathOf(call.id, "", flags))
      return exitCodes.ok
  }
}

/** Before the directory is opened: a wrong option starts nothing. */
async function bodyOf(call: SandboxCall, flags: SandboxFlags): Promise<object> {
  if (call.name === "create") {
    const { allow, memory, tenant } = flags
    return {
      ...(call.id === undefined ? {} : { id: call.id }),
      ...(tenant === undefined ? {} : { tenant }),
      ...(allow === undefined ? {} : { network: { allowedOrigins: allow } }),
      ...(memory === undefined ? {} : { limits: { memoryMb: numberOf("--memory", memory) } }),
      env: variablesOf(flags),
    }
  }
  if (call.name !== "exec") return {}
  const { cwd, timeout, stdin } = flags
  return {
    command: call.words.length === 1 ? call.words[0] : call.words,
    env: variablesOf(flags),
    ...(cwd === undefined ? {} : { cwd }),
    ...(timeout === undefined ? {} : { timeoutMs: numberOf("--timeout", timeout) }),
    ...(stdin === true ? { stdin: toTaggedJson(new Uint8Array(await buffer(process.stdin))) } : {}),
  }
}

async function exec(id: string, body: object, { api, flags, output, signal }: Context): Promise<number> {
  const asked = { accept: "text/event-stream", body: [Buffer.from(JSON.stringify(body))], signal }
  for await (const { event, data } of serverEvents(await api.stream("POST", pathOf(id, "/exec", flags), asked))) {
    if (event === "error") throw apiError(data)
    if (event === "result") return (data as { exitCode: number }).exitCode
    const { stream, text } = data as { stream: "stdout" | "stderr"; text: string }
    const to = output[stream]
    // A terminal does what it is told; a program in a sandbox is nobody to tell it anything.
    if (!to.write(to.isTTY ? printable(text, false) : text)) await new Promise((resolve) => to.once("drain", resolve))
  }
  throw new Error("the answer ended before the command did")
}

async function copy({ from, to }: { readonly from: string; readonly to: string }, context: Context): Promise<void> {
  const source = placeOf(from)
  const target = placeOf(to)
  if ((source === undefined) === (target === undefined)) throw invalid("cp", "needs ID:PATH for one of its two files")
  if (source !== undefined) return download(source, to, context)
  if (target === undefined) return
  if (from === "-") return upload(process.stdin, target, context)
  await using file = await open(from).catch((error: Error) => {
    throw invalid("FROM", `can't be read: ${error.message}`)
  })
  const path = /(?:^|\/)$/.test(target.path) ? `${target.path}${basename(from)}` : target.path
  await upload(file.createReadStream({ autoClose: false }), { ...target, path }, context)
}

async function upload(bytes: AsyncIterable<Uint8Array>, { id, path }: Place, context: Context): Promise<void> {
  const { api, flags, signal } = context
  // Whether it is there is said before its bytes are on their way.
  await api.call("GET", pathOf(id, "", flags))
  const target = pathOf(id, `/files/${encodeURIComponent(path)}`, flags)
  for await (const _answer of await api.stream("PUT", target, { body: bytes, signal }));
}

/** Written beside and renamed: one that is cut off leaves the file that was there. */
async function download({ id, path }: Place, to: string, { api, flags, output, signal }: Context): Promise<void> {
  const bytes = await api.stream("GET", pathOf(id, `/files/${encodeURIComponent(path)}`, flags), { signal })
  if (to === "-") {
    for await (const chunk of bytes)
      if (!output.stdout.write(chunk)) await new Promise((resolve) => output.stdout.once("drain", resolve))
    return
  }
  const isFolder = statSync(to, { throwIfNoEntry: false })?.isDirectory() === true
  const target = isFolder ? join(to, basename(path)) : to
  const beside = `${target}.${process.pid}.part`
  try {
    await using file = await open(beside, "wx")
    for await (const chunk of bytes) await file.writeFile(chunk)
    await rename(beside, target)
  } catch (error) {
    await rm(beside, { force: true })
    throw error
  }
}

interface Place {
  readonly id: string
  readonly path: string
}

/** ID:PATH. A path of this machine with a colon in it is written ./a:b. */
function placeOf(text: string): Place | undefined {
  const [, id, path = ""] = /^([a-z0-9-]+):(.*)$/s.exec(text) ?? []
  return id === undefined ? undefined : { id, path }
}

function pathOf(id: string, rest: string, { tenant }: SandboxFlags): string {
  const query = tenant === undefined ? "" : `?tenant=${encodeURIComponent(tenant)}`
  return `/v1/sandboxes${id === "" ? "" : `/${encodeURIComponent(id)}`}${rest}${query}`
}

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

function lineOf({ id, status, tenant, createdAt }: SandboxSummary): string {
  return safeLine(`${new Date(createdAt).toISOString()}  ${status.padEnd(8)}  ${id}  ${tenant}`)
}
