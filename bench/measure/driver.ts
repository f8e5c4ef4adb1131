import { type ChildProcess, fork } from "node:child_process"
import { fileURLToPath } from "node:url"
import type { Command, LoopResult, Reply } from "../contenders/commands.ts"
import { cpuMsOf, processTree } from "../../packages/mayfly/src/cli/process-tree.ts"

const drive = fileURLToPath(new URL("../contenders/drive.ts", import.meta.url))
const open = new Set<Driver>()

export interface LoopFigures extends LoopResult {
  /** CPU of all processes and of the driver alone, over the loop. */
  readonly cpuMs: number
  readonly driverCpuMs: number
}

/** The bench's end of a driver process. Whoever starts it stops it; a second stop does nothing. */
export class Driver {
  readonly name: string
  readonly #child: ChildProcess
  #settle: ((reply: Reply) => void) | undefined

  private constructor(name: string) {
    this.name = name
    this.#child = fork(drive, [name], { execArgv: process.execArgv })
    this.#child.on("message", (reply) => this.#settle?.(reply as Reply))
    this.#child.on("exit", (code, signal) => {
      open.delete(this)
      this.#settle?.({ ok: false, problem: `its driver process ended with ${signal ?? code ?? "?"}` })
    })
    open.add(this)
  }

  /** Rejects with the reason when the contender does not start or does not answer right. */
  static async start(name: string, script: string): Promise<Driver> {
    const driver = new Driver(name)
    try {
      await driver.#ask({ kind: "use", script })
      await driver.#ask({ kind: "sequence", runs: 3 })
      return driver
    } catch (error) {
      driver.kill()
      throw error
    }
  }

  async use(script: string): Promise<void> {
    await this.#ask({ kind: "use", script })
  }

  sequence(runs: number): Promise<LoopFigures> {
    return this.#loop({ kind: "sequence", runs })
  }

  clients(clients: number, forMs: number): Promise<LoopFigures> {
    return this.#loop({ kind: "clients", clients, forMs })
  }

  async hold(count: number): Promise<void> {
    await this.#ask({ kind: "hold", count })
  }

  /** The driver and every process below it. */
  get processes(): number[] {
    return processTree(this.#child.pid ?? 0)
  }

  async stop(): Promise<void> {
    if (!open.has(this)) return
    const gone = new Promise((resolve) => this.#child.once("exit", resolve))
    await this.#ask({ kind: "stop" }).catch(() => {})
    this.kill()
    await gone
  }

  /** Its exit handlers end what it started. */
  kill(): void {
    this.#child.kill("SIGTERM")
  }

  async #loop(command: Command): Promise<LoopFigures> {
    const before = this.#cpu()
    const result = (await this.#ask(command)) ?? { runs: 0, ms: 0, latencies: [] }
    const after = this.#cpu()
    return { ...result, cpuMs: after.all - before.all, driverCpuMs: after.driver - before.driver }
  }

  #cpu(): { all: number; driver: number } {
    let all = 0
    for (const pid of this.processes) all += cpuMsOf(pid).withChildren
    return { all, driver: cpuMsOf(this.#child.pid ?? 0).own }
  }

  async #ask(command: Command): Promise<LoopResult | undefined> {
    const reply = await new Promise<Reply>((resolve) => {
      this.#settle = resolve
      this.#child.send(command, (error) => error && resolve({ ok: false, problem: error.message }))
    })
    this.#settle = undefined
    if (reply.ok) return reply.result
    throw new Error(`${this.name}: ${reply.problem}`)
  }
}

/** Ends all driver processes that are still there. */
export function killDrivers(): void {
  for (const driver of open) driver.kill()
}
