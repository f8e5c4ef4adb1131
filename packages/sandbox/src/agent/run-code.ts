import { type ChildProcess, spawn } from "node:child_process"
import { closeSync } from "node:fs"
import type { Writable } from "node:stream"
import type { AgentCall } from "../link/agent-link.ts"
import { baseEnvironment, missing } from "./base-environment.ts"
import { OutputSwitch } from "./output-pump.ts"
import { callMark, signalTree } from "./process-tree.ts"
import { makePipe } from "./real-pipes.ts"
import { preferForOutOfMemory } from "./run-process.ts"

const runners: Readonly<Record<string, readonly string[]>> = {
  python: ["/usr/bin/python3", "-u", "/.mayfly/agent/run-python.py"],
  javascript: [process.execPath, "--max-old-space-size=4096", "/.mayfly/agent/run-javascript.mjs"],
  typescript: [process.execPath, "--max-old-space-size=4096", "/.mayfly/agent/run-javascript.mjs", "typescript"],
}
const contexts = new Map<number, Context>()

/** Starts an interpreter that lives as long as the call. */
export function openContext(call: AgentCall): void {
  const command = runners[call.operation["language"] as string]
  if (command === undefined) return call.fail(missing("ENOTSUP", "the language is not known"))
  const context = new Context(call, command)
  contexts.set(call.channel.id, context)
  call.onCancel = () => context.end()
}

/** Runs one cell: 1 its stdout, 2 its stderr, 3 results as lines of JSON. */
export function runCode(call: AgentCall): void {
  const context = contexts.get(call.operation["context"] as number)
  if (context === undefined) return call.fail(missing("ESRCH", "the context has ended"))
  context.run(call)
}

interface Cell {
  readonly call: AgentCall
  readonly timer: NodeJS.Timeout | undefined
  readonly outputs: readonly Writable[]
  isTimedOut: boolean
}

/** What an interpreter writes goes to the cell that runs; between cells nobody hears it. */
class Context {
  readonly #call: AgentCall
  readonly #child: ChildProcess
  readonly #mark: string
  readonly #sources: OutputSwitch[]
  #cell: Cell | undefined
  #rest = ""

  constructor(call: AgentCall, command: readonly string[]) {
    this.#call = call
    this.#mark = `context-${call.channel.id}`
    const { cwd, env } = call.operation as { cwd: string; env: Record<string, string> }
    const pipes = [makePipe(), makePipe()]
    this.#child = spawn(command[0] ?? "", command.slice(1), {
      cwd,
      env: { ...baseEnvironment, ...env, [callMark]: this.#mark },
      stdio: ["ignore", pipes[0]?.writeFd, pipes[1]?.writeFd, "pipe", "pipe"],
      detached: true,
    })
    for (const { writeFd } of pipes) closeSync(writeFd)
    this.#sources = pipes.map(({ readFd }) => new OutputSwitch(readFd))
    ;(this.#child.stdio[3] as Writable).on("error", () => {})
    this.#child.stdio[4]?.on("data", (chunk: Buffer) => this.#feed(chunk.toString("latin1")))
    this.#child.on("error", (error) => call.fail(error))
    this.#child.on("exit", (code, signal) => this.#exited(code, signal))
    if (this.#child.pid !== undefined) preferForOutOfMemory(this.#child.pid)
  }

  run(call: AgentCall): void {
    if (this.#cell !== undefined) return call.fail(missing("EBUSY", "the context is running a cell"))
    const { code, timeoutMs } = call.operation as { code: string; timeoutMs: number | null }
    const outputs = [1, 2, 3].map((index) => call.channel.writable(index))
    const timer = timeoutMs === null ? undefined : setTimeout(() => this.#overdue(), timeoutMs)
    this.#cell = { call, timer, outputs, isTimedOut: false }
    call.onCancel = () => this.end()
    this.#sources.forEach((source, index) => source.direct(outputs[index]))
    ;(this.#child.stdio[3] as Writable).write(`${JSON.stringify({ code })}\n`)
  }

  end(): void {
    if (this.#child.pid !== undefined) signalTree(this.#child.pid, this.#mark, "SIGKILL")
  }

  #overdue(): void {
    if (this.#cell !== undefined) this.#cell.isTimedOut = true
    this.end()
  }

  /** Bytes as they are: a chunk may end within a character. */
  #feed(chunk: string): void {
    this.#rest += chunk
    if (!chunk.includes("\n")) return
    const lines = this.#rest.split("\n")
    this.#rest = lines.pop() ?? ""
    for (const line of lines) this.#read(Buffer.from(line, "latin1").toString("utf8"))
  }

  #read(line: string): void {
    if (line.startsWith('{"done"')) return this.#finish(JSON.parse(line) as Record<string, unknown>)
    const output = this.#cell?.outputs[2]
    if (output !== undefined && !output.destroyed) output.write(`${line}\n`)
  }

  #finish(result: Record<string, unknown>): void {
    const cell = this.#cell
    if (cell === undefined) return
    this.#cell = undefined
    clearTimeout(cell.timer)
    for (const source of this.#sources) source.direct(undefined)
    const ended = cell.outputs.map((output) =>
      output.destroyed ? Promise.resolve() : new Promise<void>((resolve) => output.end(resolve)),
    )
    void Promise.all(ended).then(() => cell.call.ok({ ...result, isTimedOut: cell.isTimedOut }))
  }

  #exited(code: number | null, signal: NodeJS.Signals | null): void {
    contexts.delete(this.#call.channel.id)
    this.#finish({ hasContextEnded: true, code, signal })
    this.#call.ok({ code, signal })
  }
}
