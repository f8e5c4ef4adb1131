import { statSync } from "node:fs"
import { basename } from "node:path"
import type { Readable, Writable } from "node:stream"
import { missing } from "../agent/base-environment.ts"
import type { AgentCall } from "../link/agent-link.ts"
import type { CommandThreads, Ending } from "./command-threads.ts"
import { unsupported } from "./unsupported.ts"

/** Programs that people expect, and that no imitation stands for. */
const realPrograms = new Set(["git", "node", "npm", "npx", "python", "python3", "pip", "gcc", "make", "apt-get", "ssh"])
const maxStdinBytes = 64 << 20

interface CommandOperation {
  readonly argv: readonly string[]
  readonly cwd: string
  readonly env: Readonly<Record<string, string>>
  readonly stdin: boolean
  readonly isStdinOpen: boolean
  readonly timeoutMs: number | null
  readonly pty: object | null
}

let nextPid = 100

/** Runs a command: all of its stdin is read first, and its output comes when it has ended. */
export async function runCommand(call: AgentCall, root: string, threads: CommandThreads): Promise<void> {
  const operation = call.operation as unknown as CommandOperation
  const { argv, env, timeoutMs, pty } = operation
  if (pty !== null) return call.fail(unsupported("has no terminals"))
  const program = argv[0] ?? ""
  if (realPrograms.has(basename(program))) return call.fail(unsupported(`runs no real programs such as "${program}"`))
  if (!isFolder(`${root}${operation.cwd}`))
    return call.fail(missing("ENOTDIR", `cwd "${operation.cwd}" is not a folder`))
  const stop = stopper(call, timeoutMs)
  call.channel.send({ pid: nextPid++ })
  try {
    const stdin = operation.stdin && !operation.isStdinOpen ? await allOf(call.channel.readable(0)) : Buffer.alloc(0)
    const job = { command: commandOf(argv), cwd: operation.cwd, env: { ...base, ...env }, stdin, shell: undefined }
    const ending = await threads.run(job, stop.signal)
    await finish(call, isList(argv) ? withoutShell(ending) : ending, stop)
  } catch (error) {
    call.fail(error)
  } finally {
    stop.clear()
  }
}

export const base: Readonly<Record<string, string>> = {
  HOME: "/home/user",
  USER: "user",
  LOGNAME: "user",
  LANG: "C.UTF-8",
  TERM: "dumb",
  PATH: "/usr/local/bin:/usr/bin:/bin",
}

export interface Stopper {
  readonly signal: AbortSignal
  readonly isTimedOut: boolean
  readonly killedBy: string | null
  clear(): void
}

/** Ends a command at its time, when it is cancelled, and at any signal: there is nothing that could handle one. */
export function stopper(call: AgentCall, timeoutMs: number | null): Stopper {
  const abort = new AbortController()
  const state = { isTimedOut: false, killedBy: null as string | null }
  const end = (signal: string): void => {
    state.killedBy ??= signal
    abort.abort()
  }
  const expire = (): void => {
    state.isTimedOut = true
    end("SIGKILL")
  }
  const timer = timeoutMs === null ? undefined : setTimeout(expire, timeoutMs)
  call.onCancel = () => end("SIGKILL")
  call.channel.onMessage = ({ kill }) => {
    if (typeof kill === "string") end(kill)
  }
  return {
    signal: abort.signal,
    get isTimedOut() {
      return state.isTimedOut
    },
    get killedBy() {
      return state.killedBy
    },
    clear: () => clearTimeout(timer),
  }
}

/** Writes the output and ends the call. */
export async function finish(
  call: AgentCall,
  ending: Ending,
  stop: Stopper,
  more: Readonly<Record<string, unknown>> = {},
): Promise<void> {
  const isKilled = "killed" in ending
  const note = isKilled && stop.killedBy === null ? `the command was ended: ${ending.reason}\n` : ""
  await Promise.all([
    writeAll(call.channel.writable(1), isKilled ? Buffer.alloc(0) : ending.stdout),
    writeAll(call.channel.writable(2), isKilled ? Buffer.from(note) : ending.stderr),
  ])
  const signal = stop.killedBy ?? (isKilled ? "SIGKILL" : null)
  const code = isKilled || stop.killedBy !== null ? null : ending.code
  call.ok({ code, signal, isTimedOut: stop.isTimedOut, ...more })
}

function commandOf(argv: readonly string[]): string {
  if (!isList(argv)) return argv[2] ?? ""
  // Files here have one owner, and the imitated tar no option for it.
  const words = argv[0] === "tar" ? argv.filter((word) => word !== "--no-same-owner") : argv
  return words.map(quote).join(" ")
}

/** A line for bash comes as a list of three. */
function isList(argv: readonly string[]): boolean {
  return !(argv.length === 3 && argv[0] === "/bin/bash" && argv[1] === "-c")
}

function quote(word: string): string {
  return `'${word.replaceAll("'", `'\\''`)}'`
}

/** No shell has to do with a list, so none should say that a program is missing. */
function withoutShell(ending: Ending): Ending {
  if ("killed" in ending || ending.code !== 127) return ending
  return {
    ...ending,
    stderr: Buffer.from(
      Buffer.from(ending.stderr)
        .toString("utf8")
        .replace(/^bash: /, ""),
    ),
  }
}

async function allOf(source: Readable): Promise<Buffer> {
  const chunks: Buffer[] = []
  let size = 0
  for await (const chunk of source as AsyncIterable<Buffer>) {
    size += chunk.length
    if (size > maxStdinBytes) throw missing("EFBIG", `stdin may have ${maxStdinBytes} bytes here`)
    chunks.push(chunk)
  }
  return Buffer.concat(chunks)
}

function writeAll(sink: Writable, bytes: Uint8Array): Promise<void> {
  return new Promise((resolve) => {
    if (sink.destroyed) return resolve()
    sink.once("close", () => resolve())
    sink.end(bytes, () => resolve())
  })
}

function isFolder(path: string): boolean {
  try {
    return statSync(path).isDirectory()
  } catch {
    return false
  }
}
