import { type ChildProcess, spawn } from "node:child_process"
import { closeSync, readFileSync, statSync, writeFileSync } from "node:fs"
import { Socket } from "node:net"
import type { AgentCall } from "../link/agent-link.ts"
import { baseEnvironment, missing } from "./base-environment.ts"
import { OutputPump } from "./output-pump.ts"
import { callMark, signalTree } from "./process-tree.ts"
import { makeInputPipe, makePipe } from "./real-pipes.ts"
import { TerminalSize } from "./terminal-size.ts"

interface SpawnOperation {
  readonly argv: readonly string[]
  readonly cwd: string
  readonly env: Readonly<Record<string, string>>
  readonly stdin: boolean
  readonly timeoutMs: number | null
  readonly mark: string
  readonly pty: { readonly cols: number; readonly rows: number } | null
}

/** Runs a command: stream 0 is its stdin, 1 its stdout, 2 its stderr. Ends when it has, whatever it leaves in the background. */
export function runProcess(call: AgentCall): void {
  const operation = call.operation as unknown as SpawnOperation
  // Node blames the command for a folder that is missing.
  if (!isFolder(operation.cwd)) return call.fail(missing("ENOTDIR", `cwd "${operation.cwd}" is not a folder`))
  const out = makePipe()
  const err = makePipe()
  const input = operation.stdin ? makeInputPipe() : undefined
  const child = start(operation, input?.readFd ?? "ignore", out.writeFd, err.writeFd)
  for (const fd of [out.writeFd, err.writeFd, ...(input === undefined ? [] : [input.readFd])]) closeSync(fd)
  if (input !== undefined) feed(call, input.writeFd)
  follow(call, child, operation, [
    new OutputPump(out.readFd, call.channel.writable(1)),
    new OutputPump(err.readFd, call.channel.writable(2)),
  ])
}

function start(operation: SpawnOperation, input: number | "ignore", out: number, err: number): ChildProcess {
  const { cwd, env, mark, pty } = operation
  const argv = pty === null ? operation.argv : terminalCommand(operation.argv, pty)
  return spawn(argv[0] ?? "", argv.slice(1), {
    cwd,
    env: {
      ...baseEnvironment,
      ...env,
      [callMark]: mark,
      ...(pty === null ? {} : { TERM: env["TERM"] ?? "xterm-256color" }),
    },
    stdio: [input, out, err],
    detached: true,
  })
}

/** `script` makes the terminal, so that nothing native has to be loaded here. */
function terminalCommand(argv: readonly string[], size: TerminalStart): string[] {
  return ["/usr/bin/script", "-qefc", `${startOf(size)}${argv.map(quote).join(" ")}`, "/dev/null"]
}

type TerminalStart = NonNullable<SpawnOperation["pty"]>

function startOf({ cols, rows }: TerminalStart): string {
  return `stty cols ${cols} rows ${rows}; exec `
}

function quote(word: string): string {
  return `'${word.replaceAll("'", `'\\''`)}'`
}

function follow(
  call: AgentCall,
  child: ChildProcess,
  operation: SpawnOperation,
  pumps: readonly [OutputPump, OutputPump],
): void {
  let isTimedOut = false
  const pid = child.pid ?? 0
  const timer =
    operation.timeoutMs === null
      ? undefined
      : setTimeout(() => {
          isTimedOut = true
          signalTree(pid, operation.mark, "SIGKILL")
        }, operation.timeoutMs)
  const finish = async (result: Record<string, unknown>): Promise<void> => {
    clearTimeout(timer)
    await Promise.all(pumps.map((pump) => pump.drain()))
    call.ok({ ...result, isTimedOut })
  }
  child.on("error", (error: NodeJS.ErrnoException) => {
    if (pid !== 0) return
    call.channel.writable(2).write(`${operation.argv[0]}: ${reasonOf(error)}\n`)
    void finish({ code: error.code === "ENOENT" ? 127 : 126, signal: null })
  })
  child.on("exit", (code, signal) => void finish({ code, signal }))
  if (pid === 0) return
  preferForOutOfMemory(pid)
  call.onCancel = () => signalTree(pid, operation.mark, "SIGKILL")
  const size = new TerminalSize(pid, startOf(operation.pty ?? { cols: 80, rows: 24 }))
  call.channel.closed.then(
    () => size.end(),
    () => size.end(),
  )
  call.channel.onMessage = (message) => handle({ pid, mark: operation.mark, size }, message)
  call.channel.send({ pid })
}

function reasonOf(error: NodeJS.ErrnoException): string {
  if (error.code === "ENOENT") return "command not found"
  return error.code === "EACCES" ? "permission denied" : error.message
}

interface Handled {
  readonly pid: number
  readonly mark: string
  readonly size: TerminalSize
}

function handle({ pid, mark, size }: Handled, message: Readonly<Record<string, unknown>>): void {
  if (typeof message["kill"] === "string") {
    signalTree(pid, mark, message["kill"] as NodeJS.Signals)
  } else if (Array.isArray(message["resize"])) {
    const [cols, rows] = message["resize"] as [number, number]
    size.set(cols, rows)
  }
}

/** When memory runs out, what a guest started should die, not this agent. */
export function preferForOutOfMemory(pid: number): void {
  try {
    if (readFileSync(`/proc/${pid}/oom_score_adj`, "utf8").trim() === "0")
      writeFileSync(`/proc/${pid}/oom_score_adj`, "500")
  } catch {
    // It has ended.
  }
}

function feed(call: AgentCall, fd: number): void {
  const sink = new Socket({ fd, readable: false, writable: true })
  // A process that does not read its stdin closes it.
  const source = call.channel.readable(0)
  sink.on("error", () => source.resume())
  source.pipe(sink)
  call.channel.closed
    .catch(() => {})
    .then(
      () => sink.destroy(),
      () => {},
    )
}

function isFolder(path: string): boolean {
  try {
    return statSync(path).isDirectory()
  } catch {
    return false
  }
}
