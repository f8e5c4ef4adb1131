import { missing } from "../agent/base-environment.ts"
import type { AgentCall } from "../link/agent-link.ts"
import type { ShellState } from "./command-job.ts"
import type { CommandThreads } from "./command-threads.ts"
import { base, finish, stopper } from "./run-command.ts"

interface VirtualShell {
  readonly call: AgentCall
  readonly env: Readonly<Record<string, string>>
  cwd: string
  state: ShellState
  isBusy: boolean
  stop: () => void
}

/** Shells: folder, variables, options and functions of one command are given to the next. */
export class VirtualShells {
  readonly #threads: CommandThreads
  readonly #shells = new Map<number, VirtualShell>()

  constructor(threads: CommandThreads) {
    this.#threads = threads
  }

  open(call: AgentCall): void {
    const { cwd, env } = call.operation as { cwd: string; env: Record<string, string> }
    const state = { variables: "", functions: [] }
    const shell = { call, cwd, env: { ...base, ...env }, state, isBusy: false, stop: () => {} }
    this.#shells.set(call.channel.id, shell)
    call.onCancel = () => {
      shell.stop()
      this.#end(shell)
    }
    call.channel.send({ pid: 1 })
  }

  async run(call: AgentCall): Promise<void> {
    const shell = this.#shells.get(call.operation["shell"] as number)
    if (shell === undefined) return call.fail(missing("ESRCH", "the shell has ended"))
    if (shell.isBusy) return call.fail(missing("EBUSY", "the shell is running a command"))
    const { command, timeoutMs } = call.operation as { command: string; timeoutMs: number | null }
    shell.isBusy = true
    const stop = stopper(call, timeoutMs)
    shell.stop = () => call.onCancel()
    call.channel.send({ pid: 1 })
    try {
      // What a command took away must not come back.
      const env = shell.state.variables === "" ? shell.env : base
      const job = { command, cwd: shell.cwd, env, stdin: Buffer.alloc(0), shell: shell.state }
      const ending = await this.#threads.run(job, stop.signal)
      const hasEnded = stop.killedBy === null && !("killed" in ending) && ending.shell === undefined
      if (!("killed" in ending) && stop.killedBy === null) {
        shell.cwd = ending.cwd
        shell.state = ending.shell ?? shell.state
      }
      await finish(call, ending, stop, { cwd: shell.cwd, ...(hasEnded ? { hasShellEnded: true } : {}) })
      if (hasEnded) this.#end(shell)
    } catch (error) {
      call.fail(error)
    } finally {
      shell.isBusy = false
      stop.clear()
    }
  }

  #end(shell: VirtualShell): void {
    this.#shells.delete(shell.call.channel.id)
    shell.call.ok({})
  }
}
