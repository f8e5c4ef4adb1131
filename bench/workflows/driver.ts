import { type ChildProcess, fork } from "node:child_process"
import { fileURLToPath } from "node:url"
import { processTree } from "../../packages/mayfly/src/cli/process-tree.ts"
import type { Command, Reply, Result } from "./commands.ts"

const drive = fileURLToPath(new URL("drive.ts", import.meta.url))
const open = new Set<WorkflowDriver>()

export interface DriverOptions {
  readonly folder: string
  readonly databaseUrl?: string | undefined
}

/** The bench's end of a driver process. Whoever starts it stops it; a second stop does nothing. */
export class WorkflowDriver {
  readonly name: string
  /** Epoch milliseconds. */
  readonly startedAt = Date.now()
  readonly #child: ChildProcess
  #settle: ((reply: Reply) => void) | undefined

  constructor(name: string, { folder, databaseUrl }: DriverOptions) {
    this.name = name
    const given = [name, folder, ...(databaseUrl === undefined ? [] : [databaseUrl])]
    // Peers greet, warn and log on stdout; their problems are told by their replies.
    this.#child = fork(drive, given, { execArgv: process.execArgv, stdio: ["ignore", "ignore", "ignore", "ipc"] })
    this.#child.on("message", (reply) => this.#settle?.(reply as Reply))
    this.#child.on("exit", (code, signal) => {
      open.delete(this)
      this.#settle?.({ ok: false, problem: `its process ended with ${signal ?? code ?? "?"}` })
    })
    open.add(this)
  }

  get isRunning(): boolean {
    return open.has(this)
  }

  /** Rejects with the reason when it does not do it, or not within the time; it is of no more use then. */
  async ask(command: Command, timeoutMs: number): Promise<Result> {
    let timer: NodeJS.Timeout | undefined
    const reply = await new Promise<Reply>((resolve) => {
      this.#settle = resolve
      if (!open.has(this)) return resolve({ ok: false, problem: "its process has ended" })
      const problem = `it took longer than ${timeoutMs / 1_000} s`
      timer = setTimeout(() => resolve({ ok: false, problem }), timeoutMs)
      this.#child.send(command, (error) => error && resolve({ ok: false, problem: error.message }))
    })
    clearTimeout(timer)
    this.#settle = undefined
    if (reply.ok) return reply.result
    throw new Error(`${this.name}: ${reply.problem}`)
  }

  async stop(): Promise<void> {
    if (!open.has(this)) return
    await this.ask({ kind: "stop" }, 20_000).catch(() => {})
    await this.kill()
  }

  /** As a crash: it and all that it started, at once. */
  async kill(): Promise<void> {
    if (!open.has(this)) return
    const gone = new Promise((resolve) => this.#child.once("exit", resolve))
    this.killNow()
    await gone
  }

  /** The same without waiting until they are gone. */
  killNow(): void {
    for (const pid of processTree(this.#child.pid ?? 0)) {
      try {
        process.kill(pid, "SIGKILL")
      } catch {
        // It went before.
      }
    }
  }
}

/** Ends all driver processes that are still there, with all that they started. */
export function killDrivers(): void {
  for (const driver of open) driver.killNow()
}
