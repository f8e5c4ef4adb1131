import { type ChildProcess, spawn } from "node:child_process"
import { closeSync, constants, openSync, unlinkSync } from "node:fs"
import type { Writable } from "node:stream"
import type { AgentCall } from "../link/agent-link.ts"
import { baseEnvironment, missing } from "./base-environment.ts"
import { OutputPump } from "./output-pump.ts"
import { callMark, descendants } from "./process-tree.ts"
import { namedPipes } from "./real-pipes.ts"
import { preferForOutOfMemory } from "./run-process.ts"

/**
 * Reads commands from descriptor 3 and evaluates them in a function, so that folder, variables, functions and options stay; tells each one's exit
 * code and folder on 4. Output goes through pipes that bash itself opens for each command. No file, no polling.
 */
const loop = `set +o history
__mayfly(){ eval "$__mayfly_command"; }
while IFS= read -r -d '' -u 3 __mayfly_out && IFS= read -r -d '' -u 3 __mayfly_err && IFS= read -r -d '' -u 3 __mayfly_command; do
  __mayfly </dev/null >"$__mayfly_out" 2>"$__mayfly_err" 3<&- 4>&-
  printf '%s %s\\0' "$?" "$PWD" >&4
done`

interface Running {
  readonly call: AgentCall
  readonly pumps: readonly OutputPump[]
  readonly heldFds: readonly number[]
  readonly timer: NodeJS.Timeout | undefined
  isTimedOut: boolean
}

const shells = new Map<number, Shell>()
const pipePaths: string[] = []
const maxAnswer = 8_192

/** Starts a bash that lives as long as the call. */
export function openShell(call: AgentCall): void {
  const shell = new Shell(call)
  shells.set(call.channel.id, shell)
  call.onCancel = () => shell.end()
}

/** One command in a shell. Commands of a shell come one after the other; the supervisor sees to that. */
export function runInShell(call: AgentCall): void {
  const shell = shells.get(call.operation["shell"] as number)
  if (shell === undefined) return call.fail(missing("ESRCH", "the shell has ended"))
  shell.run(call)
}

class Shell {
  readonly #call: AgentCall
  readonly #bash: ChildProcess
  readonly #commands: Writable
  #running: Running | undefined
  #answer = ""

  constructor(call: AgentCall) {
    this.#call = call
    const { cwd, env } = call.operation as { cwd: string; env: Record<string, string> }
    this.#bash = spawn("/bin/bash", ["--norc", "--noprofile", "-c", loop], {
      cwd,
      env: { ...baseEnvironment, ...env, [callMark]: `shell-${call.channel.id}` },
      stdio: ["ignore", "ignore", "ignore", "pipe", "pipe"],
      detached: true,
    })
    this.#commands = this.#bash.stdio[3] as Writable
    this.#commands.on("error", () => {})
    this.#bash.stdio[4]?.on("data", (chunk: Buffer) => this.#read(chunk.toString("utf8")))
    this.#bash.on("error", (error) => call.fail(error))
    this.#bash.on("exit", (code, signal) => this.#exited(code, signal))
    if (this.#bash.pid !== undefined) {
      preferForOutOfMemory(this.#bash.pid)
      call.channel.send({ pid: this.#bash.pid })
    }
  }

  run(call: AgentCall): void {
    if (this.#running !== undefined) return call.fail(missing("EBUSY", "the shell is running a command"))
    const { command, timeoutMs } = call.operation as { command: string; timeoutMs: number | null }
    if (pipePaths.length < 2) pipePaths.push(...namedPipes(32))
    const paths = pipePaths.splice(0, 2)
    const pumps = paths.map(
      (path, index) =>
        new OutputPump(openSync(path, constants.O_RDONLY | constants.O_NONBLOCK), call.channel.writable(index + 1)),
    )
    // A writer is held until bash has opened its own, else the reader would see the end at once.
    const heldFds = paths.map((path) => openSync(path, constants.O_WRONLY | constants.O_NONBLOCK))
    const running: Running = { call, pumps, heldFds, timer: this.#limit(timeoutMs), isTimedOut: false }
    this.#running = running
    call.onCancel = () => this.#kill("SIGKILL")
    call.channel.onMessage = (message) => {
      if (typeof message["kill"] === "string") this.#kill(message["kill"] as NodeJS.Signals)
    }
    call.channel.closed.then(
      () => paths.forEach(remove),
      () => {},
    )
    this.#commands.write(`${paths.join("\0")}\0${command}\0`)
    call.channel.send({ pid: this.#bash.pid ?? 0 })
  }

  end(): void {
    const { pid } = this.#bash
    if (pid === undefined) return this.#call.ok({})
    for (const child of descendants(pid)) kill(child, "SIGKILL")
    kill(pid, "SIGKILL")
  }

  #limit(timeoutMs: number | null): NodeJS.Timeout | undefined {
    if (timeoutMs === null) return undefined
    return setTimeout(() => {
      if (this.#running !== undefined) this.#running.isTimedOut = true
      this.#kill("SIGKILL")
    }, timeoutMs)
  }

  /** Signals what the command started. A builtin that does not end has no process of its own: then the shell itself must go. */
  #kill(signal: NodeJS.Signals): void {
    const { pid } = this.#bash
    if (pid === undefined) return
    const children = descendants(pid)
    for (const child of children) kill(child, signal)
    if (children.length === 0 && signal === "SIGKILL") kill(pid, signal)
  }

  #read(text: string): void {
    this.#answer = (this.#answer + text).slice(-maxAnswer)
    const end = this.#answer.indexOf("\0")
    if (end === -1) return
    const answer = this.#answer.slice(0, end)
    this.#answer = this.#answer.slice(end + 1)
    const space = answer.indexOf(" ")
    void this.#finish({ code: Number(answer.slice(0, space)), signal: null, cwd: answer.slice(space + 1) })
  }

  async #finish(result: Record<string, unknown>): Promise<void> {
    const running = this.#running
    if (running === undefined) return
    this.#running = undefined
    clearTimeout(running.timer)
    running.heldFds.forEach(closeSync)
    await Promise.all(running.pumps.map((pump) => pump.drain()))
    running.call.ok({ ...result, isTimedOut: running.isTimedOut })
  }

  #exited(code: number | null, signal: NodeJS.Signals | null): void {
    shells.delete(this.#call.channel.id)
    const finished = this.#finish({ code, signal, hasShellEnded: true })
    void finished.then(() => this.#call.ok({ code, signal }))
  }
}

function kill(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal)
  } catch {
    // It has ended.
  }
}

function remove(path: string): void {
  try {
    unlinkSync(path)
  } catch {
    // The guest did it.
  }
}
