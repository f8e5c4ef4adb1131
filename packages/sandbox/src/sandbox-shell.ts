import { MayflyError, type ShellState } from "@mayfly/protocol"
import { aborted, collectProcess, type ExecOptions, type ExecResult } from "./exec-command.ts"
import type { LiveSandbox } from "./live-sandbox.ts"
import { checkSignal, invalid, parseTimeout } from "./sandbox-options.ts"
import type { ProviderProcess, ProviderShell } from "./sandbox-provider.ts"

export type ShellResult = ExecResult & ShellState

const maxWaiting = 1_000

/** A bash that keeps its folder, variables, functions and options between commands. Commands run one after the other. */
export class SandboxShell implements AsyncDisposable {
  readonly id: string
  readonly #live: LiveSandbox
  readonly #shell: ProviderShell
  #cwd: string
  #isOver = false
  #waiting = 0
  #last: Promise<unknown> = Promise.resolve()
  #current: ProviderProcess | undefined

  constructor(id: string, { shell, live, cwd }: { shell: ProviderShell; live: LiveSandbox; cwd: string }) {
    this.id = id
    this.#live = live
    this.#shell = shell
    this.#cwd = cwd
    const end = (): void => void (this.#isOver = true)
    shell.ended.then(end, end)
  }

  get cwd(): string {
    return this.#cwd
  }

  /**
   * Runs a line. A timeout or an abort kills what it started; the shell lives on when it can. Rejects with `sandbox.exited` when the shell has
   * ended: a command ended it, or the sandbox was stopped.
   */
  async exec(command: string, options: Omit<ExecOptions, "cwd" | "env" | "stdin"> = {}): Promise<ShellResult> {
    if (typeof command !== "string" || command.includes("\0")) throw invalid("command", "must be a text without NUL")
    if (this.#waiting >= maxWaiting)
      throw new MayflyError("sandbox.limit", `${maxWaiting} commands wait for this shell already`)
    this.#waiting++
    const before = this.#last
    const run = (async (): Promise<ShellResult> => {
      await before.catch(() => {})
      return this.#run(command, options)
    })().finally(() => this.#waiting--)
    this.#last = run
    return run
  }

  /** Sends a signal to what the shell runs now, not to the shell. */
  signal(signal: NodeJS.Signals = "SIGINT"): void {
    checkSignal(signal)
    this.#current?.kill(signal)
  }

  async close(): Promise<void> {
    if (this.#isOver) return
    this.#shell.close()
    await this.#shell.ended.catch(() => {})
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  async #run(command: string, options: ExecOptions): Promise<ShellResult> {
    if (options.signal?.aborted === true) throw aborted(options.signal)
    if (this.#isOver) throw new MayflyError("sandbox.exited", "the shell has ended; open another")
    using _lease = await this.#live.use()
    const process = await this.#shell.run(command, parseTimeout(options.timeoutMs))
    this.#current = process
    try {
      const result = await collectProcess(process, options)
      const { cwd, hasShellEnded } = await process.exited
      if (cwd !== undefined) this.#cwd = cwd
      if (hasShellEnded === true) this.#isOver = true
      return { ...result, cwd: this.#cwd, ended: hasShellEnded === true }
    } finally {
      this.#current = undefined
    }
  }
}
